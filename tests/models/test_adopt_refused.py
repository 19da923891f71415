"""Files that are no model, would run code or contradict themselves: one sentence each, no trace."""

from __future__ import annotations

import errno
import io
import json
import os
import pickle
from fractions import Fraction
from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor

from radar_core.adoption import adopt, inspect_checkpoint
from radar_core.errors import BadModel, BadParameter, CannotWrite, MissingWeights
from radar_core.models import load_model
from radar_core.models.foreign import Head

SIDE = 64


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """Where models come to lie, and where a payload would leave its mark."""
    monkeypatch.setenv("RADAR_MODELS", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "models"


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(2)
        return torchvision.models.mobilenet_v3_small(num_classes=3).state_dict()


@pytest.fixture
def saved(state, tmp_path) -> Path:
    torch.save(state, tmp_path / "mine.pth")
    return tmp_path / "mine.pth"


@pytest.fixture
def adopted(saved, folder) -> Path:
    return adopt(saved, name="mine", class_names="abc", input_size=SIDE).path


def rewrite(path: Path, **changes) -> None:
    card = json.loads(path.with_suffix(".json").read_text())
    card.update(changes)
    path.with_suffix(".json").write_text(json.dumps(card))


class Bomb:
    def __reduce__(self):
        return (os.system, ("touch executed",))


def zipped(state) -> bytes:
    buffer = io.BytesIO()
    torch.save({"state_dict": state, "callbacks": Bomb()}, buffer)
    return buffer.getvalue()


def legacy(state) -> bytes:
    buffer = io.BytesIO()
    content = {"state_dict": state, "callbacks": Bomb()}
    torch.save(content, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


def bare(_) -> bytes:
    return pickle.dumps(Bomb())


def ascii_pickle(_) -> bytes:
    return pickle.dumps(Bomb(), protocol=0)


@pytest.mark.parametrize("write", [zipped, legacy, bare, ascii_pickle])
@pytest.mark.parametrize("suffix", [".pt", ".ckpt", ".safetensors", ".pt2", ".torchscript"])
def test_a_payload_is_refused_under_any_name(tmp_path, folder, state, write, suffix):
    file = tmp_path / f"evil{suffix}"
    file.write_bytes(write(state))
    with pytest.raises(BadModel) as caught:
        adopt(file, name="evil", class_names="abc", input_size=SIDE)
    if write in (zipped, legacy):
        assert "system, which could run code, so it was not opened" in str(caught.value)
        assert "weights_only=False" in str(caught.value)
    # Put into the folder of models by hand, it is not opened either.
    file.with_suffix(".json").write_text(
        json.dumps(
            {"format": 1, "name": "evil", "title": "Evil", "architecture": "mobilenet_v3_small"}
            | {"outputs": 3, "class_names": ["a", "b", "c"], "input_size": SIDE}
        )
    )
    with pytest.raises(BadModel):
        load_model(file)
    assert not (tmp_path / "executed").exists()
    assert not folder.exists()


def test_a_checkpoint_with_objects_says_how_to_take_its_weights_out(tmp_path, state):
    content = {"state_dict": state, "hyper_parameters": {"dropout": Fraction(1, 2)}}
    torch.save(content, tmp_path / "a.ckpt")
    with pytest.raises(BadModel, match=r"asks for fractions\.Fraction.*torch\.save\("):
        inspect_checkpoint(tmp_path / "a.ckpt")


@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_a_truncated_file_is_refused(tmp_path, state, kind, share):
    file = tmp_path / "a.pth"
    if kind == "safetensors":
        save_file(state, file)
    else:
        torch.save(state, file, _use_new_zipfile_serialization=kind == "zip")
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    with pytest.raises(BadModel, match=r"damaged|not a readable safetensors"):
        inspect_checkpoint(file)


@pytest.mark.parametrize(
    "content", [b"", b"<html>404</html>", b"PK\x03\x04", bytes(64), b"\x80\x02"]
)
def test_what_is_no_model_is_refused(tmp_path, content):
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(BadModel, match=r"a\.pth is"):
        inspect_checkpoint(tmp_path / "a.pth")


def test_no_file_no_table_and_no_known_architecture(tmp_path, state):
    with pytest.raises(MissingWeights, match="no file at"):
        inspect_checkpoint(tmp_path / "none.pth")
    torch.save({"epoch": 3, "loss": 0.2}, tmp_path / "a.pth")
    with pytest.raises(BadModel, match=r"no table of weights \(found: epoch, loss\)"):
        inspect_checkpoint(tmp_path / "a.pth")
    torch.save([1, 2], tmp_path / "a.pth")
    with pytest.raises(BadModel, match="no table of weights"):
        inspect_checkpoint(tmp_path / "a.pth")


def test_an_unknown_architecture_names_the_nearest(tmp_path, state, monkeypatch):
    monkeypatch.setattr("radar_core.adoption.search.has_timm", lambda: False)  # a quarter minute
    strange = {k: v for k, v in state.items() if not k.startswith("features.5")}
    torch.save(strange, tmp_path / "a.pth")
    with pytest.raises(BadModel, match=r"nearest: mobilenet_v3_small \(\d\d% of its tensors"):
        inspect_checkpoint(tmp_path / "a.pth")


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ("mobilenet_v3_smal", "nearest: mobilenet_v3_small"),
        ("densenet121", "nearest: torchvision:densenet121"),
        ("torchvision:alexnext", "nearest: .*alexnet"),
        ("jax:resnet50", "come from torchvision or timm"),
        ("timm:hf-hub:someone/something", "come from torchvision or timm"),
        ("resnet18", "does not hold the weights of resnet18; the nearest: mobilenet_v3_small"),
    ],
)
def test_an_architecture_that_it_is_not(saved, wanted, says):
    with pytest.raises(BadModel, match=says):
        inspect_checkpoint(saved, architecture=wanted)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"class_names": "ab"}, "gives 3 logits, which wants one each; got 2 class names"),
        ({"class_names": None}, "got no class names; name them"),
        ({"class_names": "aba"}, "different class names"),
        ({"mean": (0.5, 0.5)}, "three numbers"),
        ({"std": (0.5, 0.5, 0.0)}, "std positive"),
        ({"cam_layer": "layer9"}, "no layer 'layer9' for Grad-CAM; it has"),
        ({"name": "../evil"}, "letters, digits"),
        ({"name": "phantom"}, "there is a model called phantom"),
    ],
)
def test_what_is_said_of_a_model_must_fit_it(saved, folder, changes, says):
    given = {"name": "mine", "class_names": "abc", "input_size": SIDE, **changes}
    with pytest.raises((BadModel, BadParameter), match=says):
        adopt(saved, **given)
    assert not folder.exists()


def test_one_logit_wants_two_names(tmp_path):
    module = torchvision.models.mobilenet_v3_small(num_classes=1)
    torch.save(module.state_dict(), tmp_path / "a.pth")
    with pytest.raises(BadModel, match="gives 1 logit, which wants two class names, the negative"):
        adopt(tmp_path / "a.pth", name="a", class_names=["yes"], input_size=SIDE)


def test_weights_that_are_not_numbers_are_refused(tmp_path, state, folder):
    broken = {**state, "classifier.3.bias": torch.full((3,), torch.nan)}
    torch.save(broken, tmp_path / "a.pth")
    with pytest.raises(BadModel, match="not numbers; its weights are broken"):
        adopt(tmp_path / "a.pth", name="a", class_names="abc", input_size=SIDE)


def test_a_name_that_is_taken_is_replaced_only_where_that_is_asked(saved, adopted):
    with pytest.raises(BadParameter, match="there is a model called mine"):
        adopt(saved, name="mine", class_names="xyz", input_size=SIDE)
    adopt(saved, name="mine", class_names="xyz", input_size=SIDE, replace=True)
    assert load_model("mine").class_names == tuple("xyz")


def test_a_full_disk_leaves_the_old_model(saved, adopted, monkeypatch):
    before = {path.name: path.read_bytes() for path in adopted.parent.iterdir()}
    real, count = os.fsync, []

    def full(number: int) -> None:
        count.append(number)
        if len(count) == 2:  # the weights found room, the card does not
            raise OSError(errno.ENOSPC, "No space left on device")
        real(number)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CannotWrite, match=r"No space left on device.*untouched"):
        adopt(saved, name="mine", class_names="xyz", input_size=SIDE, replace=True)
    assert {path.name: path.read_bytes() for path in adopted.parent.iterdir()} == before
    assert load_model("mine").class_names == tuple("abc")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"outputs": 4, "class_names": list("abcd")}, "does not hold the weights"),
        ({"class_names": list("ab")}, "has 2 class_names for 3 outputs"),
        ({"class_names": "abc"}, "it is a list of texts"),
        ({"architecture": "resnet18"}, "does not hold the weights of resnet18"),
        ({"architecture": "timm:nothing"}, "no architecture is called 'timm:nothing'"),
        ({"head": {"at": "classifier", "layers": ["linear 576 3"]}}, "does not hold the weights"),
        ({"head": {"at": "classifier", "layers": ["exec 3"]}}, "a card's head is at and layers"),
        ({"head": {"at": "nowhere", "layers": ["relu"]}}, "no part 'nowhere'"),
        ({"cam_layer": "layer9"}, "no layer 'layer9'"),
        ({"sha256": "0"}, "another sha256"),
    ],
)
def test_a_card_that_contradicts_its_weights(adopted, changes, says):
    rewrite(adopted, **changes)
    with pytest.raises(BadModel, match=says):
        load_model("mine")


def test_a_head_is_read_as_it_was_written():
    head = Head("fc", ("linear 8 4", "batchnorm 4", "relu", "linear 4 2"))
    assert Head.read(json.loads(json.dumps(head.as_dict()))) == head
