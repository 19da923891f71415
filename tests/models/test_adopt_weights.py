"""Checkpoints as others write them are recognised, and give the logits they gave there."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor, nn

from radar_core.adoption import adopt, inspect_checkpoint
from radar_core.adoption.search import search
from radar_core.epsilon import IMAGENET_MEAN, IMAGENET_STD
from radar_core.errors import BadModel
from radar_core.models import foreign, list_models, load_model
from radar_core.models.foreign import TIMM, _Shapes, has_timm, last_map, network
from radar_core.runtime import Progress
from tests.test_requirements import pins

SIDE = 64
SEVEN = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """Where models come to lie."""
    monkeypatch.setenv("RADAR_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def seeded(build, *args, **options) -> nn.Module:
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(3)
        module = build(*args, **options)
        for part in module.modules():  # statistics as after some training
            if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
                part.running_mean.normal_(0, 0.1)
                part.running_var.uniform_(0.8, 1.2)
    return module.eval()


def images(count: int = 3, side: int = SIDE) -> Tensor:
    return torch.rand((count, 3, side, side), generator=torch.Generator().manual_seed(1))


def theirs(module: nn.Module, x: Tensor) -> Tensor:
    """Logits as code that normalises by itself has them."""
    mean, std = (
        torch.tensor(IMAGENET_MEAN)[:, None, None],
        torch.tensor(IMAGENET_STD)[:, None, None],
    )
    with torch.no_grad():
        return module(((x - mean) / std).contiguous(memory_format=torch.channels_last))


def paper_head(width: int, hidden: int, outputs: int) -> nn.Sequential:
    """The head of the RADAR-MIX authors."""
    return nn.Sequential(
        *(nn.Linear(width, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Dropout(0.5)),
        nn.Linear(hidden, outputs),
    )


def paper_network(name: str, outputs: int) -> nn.Module:
    """A network of theirs: torchvision's, its last layer replaced."""
    options = {"init_weights": False} if name == "inception_v3" else {}
    module = torchvision.models.get_model(name, weights=None, **options)
    if name in ("resnet50", "inception_v3"):
        hidden = 224 if name == "resnet50" else 128
        module.fc = paper_head(module.fc.in_features, hidden, outputs)
    elif name == "densenet121":
        module.classifier = paper_head(module.classifier.in_features, 128, outputs)
    else:
        module.classifier[-1] = paper_head(module.classifier[-1].in_features, 128, outputs)
    return module


def lightning(module: nn.Module, path: Path, **more) -> Path:
    """A checkpoint as pytorch-lightning writes it: the network is the attribute `model`."""
    state = {f"model.{key}": value for key, value in module.state_dict().items()}
    optimiser = {"state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.zeros(4)}}}
    content = {
        "epoch": 9,
        "global_step": 120,
        "pytorch-lightning_version": "1.9.0",
        "state_dict": {**state, "loss.weight": torch.ones(7)},
        "loops": {"fit_loop": {"state_dict": {}}},
        "callbacks": {"ModelCheckpoint": {"best_model_score": torch.tensor(0.75)}},
        "optimizer_states": [{**optimiser, "param_groups": [{"lr": 1e-4, "params": [0]}]}],
        "lr_schedulers": [],
        "hparams_name": "kwargs",
        "hyper_parameters": {"learning_rate": 1e-4, "num_class": 7, **more},
    }
    torch.save(content, path)
    return path


@pytest.mark.parametrize(
    ("name", "classes", "architecture"),
    [
        ("resnet50", SEVEN, "resnet50"),
        ("efficientnet_b0", SEVEN, "efficientnet_b0"),
        ("densenet121", ("benign", "malignant"), "torchvision:densenet121"),
    ],
)
def test_a_lightning_checkpoint_of_the_papers_authors_gives_its_logits(
    tmp_path, name, classes, architecture
):
    outputs = 1 if len(classes) == 2 else len(classes)
    module = seeded(paper_network, name, outputs)
    file = lightning(module, tmp_path / f"{name}-isic2018-exp1.ckpt")
    found = inspect_checkpoint(file, input_size=SIDE)
    assert found.architectures == (architecture,)
    assert (found.prefix, found.container, found.outputs) == ("model.", "state_dict", outputs)
    assert found.missing == ("class_names",)
    assert found.ignored == ("loss.weight",)
    assert [layer.split()[0] for layer in found.head.layers] == [
        *("linear", "batchnorm", "relu", "linear")
    ]
    done = adopt(file, name="theirs", class_names=classes, found=found)
    assert done.difference == 0
    model = load_model("theirs")
    x = images()
    with torch.no_grad():
        logits = model(x)
    expected = theirs(module, x)
    if outputs == 1:
        assert torch.equal(logits[:, 1] * 2, expected[:, 0])
        assert torch.allclose(logits.softmax(1)[:, 1], expected[:, 0].sigmoid())
    else:
        assert torch.equal(logits, expected)
    assert model.cam_layer_name == ("features" if name != "resnet50" else "layer4")


@pytest.mark.parametrize(
    "name", ["resnet50", "vgg16", "vgg19", "inception_v3", "densenet121", "efficientnet_b0"]
)
def test_all_six_architectures_of_the_paper_are_told_by_their_shapes(name):
    with _Shapes():
        module = paper_network(name, 7)
    given = {f"model.{k}": tuple(v.shape) for k, v in module.state_dict().items()}
    ((architecture, fitted),) = search(given, (), Progress()).fits.items()
    assert architecture.rpartition(":")[2] == name
    assert fitted.outputs == 7
    assert fitted.head.layers[-1] == f"linear {224 if name == 'resnet50' else 128} 7"
    assert all("AuxLogits" in key for key in fitted.ignored)


CONTAINERS = {
    "bare": lambda state: state,
    "model": lambda state: {"model": state, "epoch": 3},
    "ddp": lambda state: {"state_dict": {f"module.{k}": v for k, v in state.items()}},
    "compiled": lambda state: {
        "model_state_dict": {f"_orig_mod.module.{k}": v for k, v in state.items()}
    },
    "average": lambda state: {
        "n_averaged": torch.tensor(4),
        **{f"module.{k}": v for k, v in state.items()},
    },
    "timm": lambda state: {
        "arch": "resnet18",
        "args": argparse.Namespace(lr=1),
        "state_dict": state,
    },
}


CONTAINERS["deeper"] = lambda state: {
    "model": {"state_dict": state, "epoch": 1},
    "confusion": torch.ones(3, 3),
}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("legacy", [False, True])
def test_containers_and_prefixes(tmp_path, container, legacy):
    module = seeded(torchvision.models.resnet18, num_classes=3)
    file = tmp_path / "a.pth"
    content = CONTAINERS[container](module.state_dict())
    torch.save(content, file, _use_new_zipfile_serialization=not legacy)
    found = inspect_checkpoint(file, input_size=SIDE)
    assert (found.architecture, found.outputs, found.cam_layer) == ("resnet18", 3, "layer4")
    x = images()
    assert torch.equal(found.module(x), module(x))


def test_a_backbone_with_its_head_beside(tmp_path):
    backbone = seeded(torchvision.models.resnet18)
    backbone.fc = nn.Identity()

    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone, self.head = backbone, nn.Sequential(nn.Dropout(), nn.Linear(512, 3))

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.backbone(x))

    both = Both().eval()
    torch.save(both.state_dict(), tmp_path / "a.pth")
    found = inspect_checkpoint(tmp_path / "a.pth", input_size=SIDE)
    assert (found.architecture, found.outputs) == ("resnet18", 3)
    assert torch.equal(found.module(images()), both(images()))


def test_safetensors_without_a_card_and_a_hubs_config_beside(tmp_path, folder):
    module = seeded(torchvision.models.mobilenet_v3_small, num_classes=3)
    save_file(module.state_dict(), tmp_path / "model.safetensors")
    config = {"label_names": ["x", "y", "z"], "pretrained_cfg": {"input_size": [3, SIDE, SIDE]}}
    config["pretrained_cfg"] |= {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.25]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    adopt(tmp_path / "model.safetensors", name="hub", licence="MIT", trained_on="lesions")
    model = load_model("hub")
    assert (model.class_names, model.input_size) == (("x", "y", "z"), SIDE)
    assert model.std.flatten().tolist() == [0.5, 0.5, 0.25]
    card = next(info for info in list_models() if info.name == "hub").card
    assert (card["licence"], card["trained_on"]) == ("MIT", "lesions")
    assert card["adopted"]["file"] == "model.safetensors"


def test_an_average_beside_is_told_and_not_taken(tmp_path):
    module = seeded(torchvision.models.mobilenet_v3_small, num_classes=3)
    state = module.state_dict()
    average = {key: torch.zeros_like(value) for key, value in state.items()}
    torch.save({"state_dict_ema": average, "state_dict": state}, tmp_path / "a.pth")
    found = inspect_checkpoint(tmp_path / "a.pth", input_size=SIDE)
    assert found.notes == ("the weights are those in 'state_dict'; not taken: 'state_dict_ema'.",)
    assert torch.equal(found.module(images()), module(images()))


def test_half_precision_weights_are_read_as_float32(tmp_path):
    module = seeded(torchvision.models.mobilenet_v3_small, num_classes=3).half()
    torch.save(module.state_dict(), tmp_path / "a.pth")
    adopt(tmp_path / "a.pth", name="half", class_names="abc", input_size=SIDE)
    assert torch.equal(load_model("half")(images()), theirs(module.float(), images()))


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ({"classes": ["a", "b", "c"]}, ("a", "b", "c")),
        ({"class_to_idx": {"b": 1, "a": 0, "c": 2}}, ("a", "b", "c")),
        ({"hyper_parameters": {"id2label": {"1": "b", "0": "a", "2": "c"}}}, ("a", "b", "c")),
        ({"classes": ["a", "b"]}, ()),
        ({"classes": ["a", "a", "b"]}, ()),
        ({"class_to_idx": {"b": 1, "a": 0, "c": 7}}, ()),
    ],
)
def test_class_names_within(tmp_path, said, names):
    state = seeded(torchvision.models.mobilenet_v3_small, num_classes=3).state_dict()
    torch.save({"state_dict": state, **said}, tmp_path / "a.pth")
    found = inspect_checkpoint(tmp_path / "a.pth", input_size=SIDE)
    assert found.class_names == names
    assert found.missing == (() if names else ("class_names",))


def test_torchvision_beyond_the_zoo(tmp_path):
    module = seeded(torchvision.models.shufflenet_v2_x0_5, num_classes=3)
    torch.save(module.state_dict(), tmp_path / "a.pth")
    adopt(tmp_path / "a.pth", name="shuffle", class_names="abc", input_size=SIDE)
    model = load_model("shuffle")
    torch.testing.assert_close(model(images()), theirs(module, images()))
    assert model.cam_layer_name == "conv5"
    assert model.card["architecture"] == "torchvision:shufflenet_v2_x0_5"


def test_timm_named_in_the_file(tmp_path):
    module = seeded(timm.create_model, "test_convnext", num_classes=3)
    torch.save({"arch": "test_convnext", "state_dict": module.state_dict()}, tmp_path / "a.pth")
    found = inspect_checkpoint(tmp_path / "a.pth")
    assert found.architecture == "timm:test_convnext"
    adopt(tmp_path / "a.pth", name="small", class_names="abc", found=found)
    model = load_model("small")
    x = images(side=model.input_size)
    given = (x - model.mean) / model.std
    assert torch.equal(model(x), module(given.contiguous(memory_format=torch.channels_last)))
    assert model.cam_layer_name


def test_architectures_that_nothing_tells_apart_are_asked_for(tmp_path, monkeypatch):
    pair = ["efficientnet_b0", "tf_efficientnet_b0"]  # the same tensors, other padding
    monkeypatch.setattr(
        "radar_core.adoption.search._likely", lambda library, *_: pair if library == "timm" else []
    )
    module = seeded(timm.create_model, pair[1], num_classes=3)
    torch.save(module.state_dict(), tmp_path / "a.pth")
    found = inspect_checkpoint(tmp_path / "a.pth", input_size=SIDE)
    assert found.architectures == tuple(f"timm:{name}" for name in pair)
    assert found.missing == ("architecture", "class_names")
    with pytest.raises(BadModel, match="which read images differently; say which with --arch"):
        adopt(tmp_path / "a.pth", name="a", class_names="abc", found=found)
    given = {"architecture": f"timm:{pair[1]}", "input_size": SIDE}
    adopt(tmp_path / "a.pth", name="a", class_names="abc", found=found, **given)
    assert torch.allclose(load_model("a")(images()), theirs(module, images()), atol=1e-5)


def test_timm_that_is_not_installed_is_said(monkeypatch):
    monkeypatch.setattr(foreign, "has_timm", lambda: False)
    foreign.families.cache_clear()
    with pytest.raises(BadModel, match=f"pip install timm=={TIMM}"):
        network("timm:test_convnext", 3)
    foreign.families.cache_clear()


def test_the_version_that_is_named_is_the_one_tested():
    assert has_timm()
    assert pins("requirements-dev.txt")["timm"] == TIMM


@pytest.mark.parametrize(
    ("name", "layer", "side"),
    [
        ("resnet18", "layer4", 64),
        ("torchvision:densenet121", "features", 64),
        ("torchvision:vit_b_32", "", 224),
        ("timm:test_vit", "", 160),
        ("timm:test_resnet", "layer4", 160),
    ],
)
def test_the_layer_of_grad_cam(name, layer, side):
    assert last_map(network(name, 3), images(1, side)) == layer
