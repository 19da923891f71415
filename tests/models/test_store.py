"""Models on disk: what is written is read, and whatever does not fit is refused in one sentence."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch

from radar_core.errors import BadModel, CannotWrite, MissingWeights
from radar_core.models import store
from radar_core.models.classifier import Classifier
from radar_core.models.zoo import ARCHITECTURES, build
from tests import toys
from tests.pages.toy import write_toy_model

ARCH = "mobilenet_v3_small"


@pytest.fixture(scope="module")
def model() -> Classifier:
    return Classifier(
        build(ARCH, 3), ("a", "b", "c"), cam_layer="features", input_size=64, name="toy"
    )


@pytest.fixture
def saved(model, tmp_path) -> Path:
    return store.save_model(model, tmp_path / "toy.safetensors", {"architecture": ARCH})


def rewrite(path: Path, **changes) -> None:
    beside = path.with_suffix(".json")
    card = json.loads(beside.read_text())
    card.update(changes)
    beside.write_text(json.dumps({k: v for k, v in card.items() if v is not None}))


def test_round_trip_gives_the_same_logits(model, saved):
    x = torch.rand((2, 3, 64, 64), generator=torch.Generator().manual_seed(3))
    again = store.load_model(saved)
    assert torch.equal(again.probabilities(x).cpu(), model.probabilities(x))
    assert again.class_names == model.class_names
    assert again.name == "toy"
    assert store.load_model(str(saved)) is again


def test_half_precision_halves_the_file(model, saved, tmp_path):
    half = store.save_model(
        model, tmp_path / "h.safetensors", {"architecture": ARCH, "precision": "float16"}
    )
    assert half.stat().st_size < 0.55 * saved.stat().st_size
    assert next(store.load_model(half).parameters()).dtype == torch.float32


def test_loading_draws_no_random_numbers(saved):
    before = torch.get_rng_state()
    store.load_model(saved)
    assert torch.equal(torch.get_rng_state(), before)


def test_one_logit_round_trip(tmp_path):
    module = build(ARCH, 1)
    two = Classifier(module, ("no", "yes"), cam_layer="features", input_size=64)
    path = store.save_model(two, tmp_path / "two.safetensors", {"architecture": ARCH})
    assert json.loads(path.with_suffix(".json").read_text())["outputs"] == 1
    assert store.load_model(path).probabilities(toys.images(1, side=64)).shape == (1, 2)


class Bomb:
    def __reduce__(self):
        return (Path.touch, (Path("executed"),))


@pytest.mark.parametrize("first", [b"\x80", b"PK"])
def test_a_header_whose_length_begins_like_a_pickle_is_none(tmp_path, first):
    """One safetensors file in 256 begins with the byte of a pickle."""
    (tmp_path / "a.safetensors").write_bytes(first.ljust(8, b"\0") + b"{}")
    with pytest.raises(BadModel, match="has no card"):
        store.load_model(tmp_path / "a.safetensors")


@pytest.mark.parametrize("name", ["evil.safetensors", "evil.pt"])
def test_a_pickle_is_refused_without_executing_it(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(BadModel, match="pickle"):
        store.load_model(tmp_path / name)
    assert not (tmp_path / "executed").exists()


def test_a_torch_checkpoint_is_refused(tmp_path):
    torch.save({"weight": torch.zeros(2)}, tmp_path / "a.safetensors")
    with pytest.raises(BadModel, match="pickle"):
        store.load_model(tmp_path / "a.safetensors")


@pytest.mark.parametrize("wanted", ["nobody", "/nowhere/at/all.safetensors"])
def test_missing_weights_name_the_next_step(wanted):
    with pytest.raises(MissingWeights, match=r"\.safetensors file"):
        store.load_model(wanted)


def test_weights_of_another_architecture(saved):
    rewrite(saved, architecture="resnet18")
    with pytest.raises(BadModel, match="does not hold the weights of resnet18"):
        store.load_model(saved)


def test_another_hash_damage_and_a_missing_card(saved):
    raw = saved.read_bytes()
    saved.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    with pytest.raises(BadModel, match="another sha256"):
        store.load_model(saved)
    saved.write_bytes(raw[: len(raw) // 2])
    rewrite(saved, sha256=None)
    with pytest.raises(BadModel, match="not a readable safetensors"):
        store.load_model(saved)
    saved.with_suffix(".json").write_text("{")
    with pytest.raises(BadModel, match="cannot be read"):
        store.load_model(saved)
    saved.with_suffix(".json").unlink()
    with pytest.raises(BadModel, match="has no card"):
        store.load_model(saved)


def test_unknown_architecture_and_unwritable_folder(model, tmp_path):
    with pytest.raises(BadModel, match="no architecture is called 'alexnext'"):
        store.save_model(model, tmp_path / "a.safetensors", {"architecture": "alexnext"})
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(CannotWrite, match="cannot be written"):
        store.save_model(model, blocked / "a.safetensors", {"architecture": ARCH})


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_every_architecture_has_its_cam_layer(name):
    kind = ARCHITECTURES[name]
    module = build(name, 7)
    assert kind.cam_layer in dict(module.named_modules())
    x = torch.zeros((1, 3, kind.input_size, kind.input_size))
    seen = []
    module.get_submodule(kind.cam_layer).register_forward_hook(lambda *a: seen.append(a[2].shape))
    with torch.no_grad():
        assert module(x).shape == (1, 7)
    assert len(seen[0]) == 4
    assert min(seen[0][2:]) >= 5


def test_a_model_in_a_folder_of_its_own_is_listed_and_found(tmp_path, monkeypatch):
    monkeypatch.setenv("RADAR_MODELS", str(tmp_path))
    write_toy_model(tmp_path / "mine", "mine")
    assert "mine" in [info.name for info in store.list_models()]
    assert store.load_model("mine").name == "mine"
