"""Programs of both kinds are attacked and explained as their networks are; what they may not do."""

from __future__ import annotations

import io
import json
import os
import pickle
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torchvision
from torch import Tensor, nn

import radar_core as radar
from radar_core.adoption import adopt, inspect_checkpoint
from radar_core.errors import BadModel
from radar_core.models import Classifier, load_model
from radar_core.models.exported_file import open_exported

SIDE = 64


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """Where models come to lie, and where a payload would leave its mark."""
    monkeypatch.setenv("RADAR_MODELS", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "models"


@pytest.fixture(scope="module")
def network() -> nn.Module:
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(2)
        return torchvision.models.mobilenet_v3_small(num_classes=3).eval()


def images(count: int = 2, side: int = SIDE) -> Tensor:
    return torch.rand((count, 3, side, side), generator=torch.Generator().manual_seed(1))


def exported(module: nn.Module, path: Path, *, fixed: bool = False) -> Path:
    free = None if fixed else ({0: torch.export.Dim("n")},)
    torch.export.save(torch.export.export(module, (images(),), dynamic_shapes=free), path)
    return path


def scripted(module: nn.Module, path: Path, *, trace: bool = False) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.jit.trace(module, images()) if trace else torch.jit.script(module)
        program.save(path)
    return path


KINDS: dict[str, Callable[[nn.Module, Path], Path]] = {
    "export": lambda module, folder: exported(module, folder / "p.pt2"),
    "script": lambda module, folder: scripted(module, folder / "p.pt"),
    "trace": lambda module, folder: scripted(module, folder / "p.pt", trace=True),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_program_is_attacked_and_explained_as_its_network_is(tmp_path, network, kind):
    file = KINDS[kind](network, tmp_path)
    done = adopt(file, name="program", class_names="abc", input_size=SIDE)
    assert done.difference < 1e-6
    assert done.path.suffix == (".pt2" if kind == "export" else ".torchscript")
    program = load_model("program")
    plain = Classifier(network, "abc", cam_layer="features", input_size=SIDE)
    x = images(3)
    results = [radar.attack(model, x, "fgsm", "8/255", seed=0) for model in (program, plain)]
    assert (results[0].images - x).abs().max() > 0.01
    assert torch.allclose(results[0].images, results[1].images, atol=1e-6)
    methods = ["saliency", "occlusion"]
    if kind == "export":
        methods += ["gradcam", "deeplift", "guided_gradcam"]
        assert program.cam_layer_name == "network.features"
    else:
        assert program.cam_layer_name is None
    for method in methods:
        one, other = (radar.explain(model, x[:1], method).maps for model in (program, plain))
        assert torch.allclose(one, other, atol=1e-4), method


def test_an_exported_program_says_its_size_and_reads_any_number(tmp_path, network):
    found = inspect_checkpoint(exported(network, tmp_path / "p.pt2"))
    assert (found.input_size, found.sources["input_size"]) == (SIDE, "in the program")
    for count in (1, 2, 5):
        assert torch.equal(found.module(images(count)), network(images(count)))


class Net(nn.Module):
    """The smallest that reads an image, with something done to it before or after."""

    def __init__(self, before: str = "", drop: float = 0.0) -> None:
        super().__init__()
        self.before = before
        self.conv, self.head = nn.Conv2d(3, 4, 3, stride=2), nn.Linear(4, 3)
        self.drop = nn.Dropout(drop)

    def forward(self, x: Tensor) -> Tensor:
        if self.before == "detach":
            x = x.detach()
        if self.before == "round":
            x = torch.round(x)
        x = torch.relu(self.conv(x)).mean((2, 3))
        return self.head(self.drop(x))


@pytest.mark.parametrize("kind", ["export", "trace"])
@pytest.mark.parametrize("before", ["detach", "round"])
def test_a_program_whose_gradients_do_not_flow_is_refused(tmp_path, folder, kind, before):
    file = KINDS[kind](Net(before).eval(), tmp_path)
    with pytest.raises(BadModel, match="no gradient of p reaches its image"):
        adopt(file, name="p", class_names="abc", input_size=SIDE)
    assert not folder.exists()


class Still(Net):
    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return super().forward(x)


def test_a_program_exported_without_gradients_says_so(tmp_path):
    with pytest.raises(BadModel, match=r"within torch\.no_grad"):
        inspect_checkpoint(exported(Still().eval(), tmp_path / "p.pt2"))


class Fixed(Net):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).reshape(2, 3)


@pytest.mark.parametrize("kind", ["export", "trace"])
def test_a_program_of_one_batch_size_is_refused(tmp_path, kind):
    file = (
        exported(Fixed().eval(), tmp_path / "p.pt2", fixed=True)
        if kind == "export"
        else scripted(Fixed().eval(), tmp_path / "p.pt", trace=True)
    )
    with pytest.raises(BadModel, match="dynamic_shapes"):
        adopt(file, name="p", class_names="abc", input_size=SIDE)


@pytest.mark.parametrize("kind", ["export", "trace"])
def test_a_program_in_training_mode_is_refused(tmp_path, kind):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a trace of what draws at random warns
        module = Net(drop=0.5).train()
        if kind == "export":
            file = exported(module, tmp_path / "p.pt2")
        else:
            file = tmp_path / "p.pt"
            torch.jit.trace(module, images(), check_trace=False).save(file)
    with pytest.raises(BadModel, match="exported in training mode"):
        adopt(file, name="p", class_names="abc", input_size=SIDE)


def changed(path: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """An archive, its members changed."""
    with zipfile.ZipFile(path) as archive:
        inside = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    change(inside)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in inside.items():
            archive.writestr(f"p/{name}", content)
    return path


class Bomb:
    def __reduce__(self):
        return (os.system, ("touch executed",))


def pickled() -> bytes:
    buffer = io.BytesIO()
    torch.save(Bomb(), buffer)
    return buffer.getvalue()


def in_weights(inside: dict[str, bytes]) -> None:
    config = json.loads(inside["data/weights/model_weights_config.json"])
    first = next(iter(config["config"].values()))
    first["use_pickle"] = True
    inside[f"data/weights/{first['path_name']}"] = pickled()
    inside["data/weights/model_weights_config.json"] = json.dumps(config).encode()


def in_constants(inside: dict[str, bytes]) -> None:
    meta = {"path_name": "opaque_obj_0", "is_param": False, "use_pickle": True, "tensor_meta": None}
    inside["data/constants/opaque_obj_0"] = pickle.dumps(Bomb())
    inside["data/constants/model_constants_config.json"] = json.dumps(
        {"config": {"evil": meta}}
    ).encode()


def calls(target: str) -> Callable[[dict[str, bytes]], None]:
    def change(inside: dict[str, bytes]) -> None:
        said = json.loads(inside["models/model.json"])
        said["graph_module"]["graph"]["nodes"][0]["target"] = target
        inside["models/model.json"] = json.dumps(said).encode()

    return change


@pytest.mark.parametrize(
    "change",
    [in_weights, in_constants]
    + [
        calls(name)
        for name in (
            *("torch.hub.load", "torch.load", "torch.ops.aten.from_file.default"),
            *(
                "torch.ops.aten.save.default",
                "torch.ops.prim.Print.default",
                "_operator.methodcaller",
            ),
            *("#ext:run", "os.system", "torch.ops.higher_order.cond"),
        )
    ],
)
def test_an_exported_program_that_would_run_code_is_refused(tmp_path, folder, change):
    file = changed(exported(Net().eval(), tmp_path / "p.pt2"), change)
    with pytest.raises(BadModel, match=r"not on the list|could run code"):
        adopt(file, name="p", class_names="abc")
    assert not (tmp_path / "executed").exists()
    assert not folder.exists()


def test_what_torch_would_evaluate_in_an_exported_program_is_never_read(tmp_path):
    """Sizes, guards and sample inputs: torch.export.load evaluates and unpickles them."""
    code = "__import__('os').system('touch executed')"

    def change(inside: dict[str, bytes]) -> None:
        said = json.loads(inside["models/model.json"].replace(b"Symbol(", b"Evil("))
        text = json.dumps(said)
        start = text.index("Evil(")
        text = text[:start] + code + text[text.index(')"', start) + 1 :]
        said = json.loads(text)
        said["guards_code"] = [code]
        said["range_constraints"] = {code: {"min_val": 0, "max_val": None}}
        inside["models/model.json"] = json.dumps(said).encode()
        inside["data/sample_inputs/model.pt"] = pickled()

    network = Net().eval()
    found = inspect_checkpoint(changed(exported(network, tmp_path / "p.pt2"), change))
    assert torch.equal(found.module(images(5)), network(images(5)))
    assert not (tmp_path / "executed").exists()


class Saves(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = Net()

    def forward(self, x: Tensor) -> Tensor:
        torch.save(x, "executed")
        return self.net(x)


def test_a_script_that_writes_is_refused(tmp_path):
    file = scripted(Saves().eval(), tmp_path / "p.pt")
    with pytest.raises(BadModel, match=r"calls aten::save, which is not on the list"):
        inspect_checkpoint(file)
    assert not (tmp_path / "executed").exists()


def test_a_script_that_runs_while_it_is_loaded_is_refused(tmp_path):
    def change(inside: dict[str, bytes]) -> None:
        for name, content in list(inside.items()):
            if name.startswith("code/") and name.endswith(".py") and b"class Net" in content:
                inside[name] = content + (
                    b"  def __setstate__(self: __torch__.Net, state: Tensor) -> NoneType:\n"
                    b'    torch.save(state, "executed")\n    return None\n'
                )

    file = changed(scripted(Net().eval(), tmp_path / "p.pt"), change)
    with pytest.raises(BadModel, match=r"__setstate__ in code/.*it was not loaded"):
        inspect_checkpoint(file)
    assert not (tmp_path / "executed").exists()


def test_a_pickle_within_a_script_is_no_python(tmp_path):
    def change(inside: dict[str, bytes]) -> None:
        inside["data.pkl"] = pickle.dumps(Bomb(), protocol=2)

    file = changed(scripted(Net().eval(), tmp_path / "p.pt"), change)
    with pytest.raises(BadModel, match="no TorchScript that can be loaded"):
        inspect_checkpoint(file)
    assert not (tmp_path / "executed").exists()


def test_a_stored_program_that_was_changed_is_refused(tmp_path, folder):
    adopt(exported(Net().eval(), tmp_path / "p.pt2"), name="p", class_names="abc")
    changed(folder / "p.pt2", in_weights)
    with pytest.raises(BadModel, match="another sha256"):
        load_model("p")


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_a_truncated_program_is_refused(tmp_path, share):
    file = exported(Net().eval(), tmp_path / "p.pt2")
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    with pytest.raises(BadModel, match="damaged"):
        inspect_checkpoint(file)


def test_a_bomb_is_not_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "p.pt2", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("p/archive_format", "pt2")
        archive.writestr("p/models/model.json", bytes(100 * 2**20))
    with pytest.raises(BadModel, match="unpacks to 100 MiB"):
        open_exported(tmp_path / "p.pt2")


def test_a_method_that_python_calls_by_itself_is_looked_at_too(tmp_path):
    def change(inside: dict[str, bytes]) -> None:
        for name, content in list(inside.items()):
            if name.startswith("code/") and name.endswith(".py") and b"class Net" in content:
                inside[name] = content + (
                    b"  def __len__(self: __torch__.NAME.Net) -> int:\n"
                    b'    _0 = torch.save(1, "executed")\n    return 1\n'
                ).replace(b"__torch__.NAME.Net", typed(content))

    file = changed(scripted(Net().eval(), tmp_path / "p.pt"), change)
    with pytest.raises(BadModel, match="aten::save, which is not on the list"):
        inspect_checkpoint(file)
    assert not (tmp_path / "executed").exists()


def typed(code: bytes) -> bytes:
    """The type that a class's `self` has in serialised TorchScript."""
    start = code.index(b"self: ") + len(b"self: ")
    return code[start : code.index(b",", start)]
