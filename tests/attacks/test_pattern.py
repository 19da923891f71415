"""A fitted pattern as a value: kept as a file, refused in one sentence where it does not fit."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

import radar_core as radar
from radar_core.attacks.pattern import Pattern
from radar_core.errors import BadImage, BadModel, BadParameter, CannotWrite
from tests import toys

SHORT: dict[str, Any] = {"epochs": 2, "fitted_eps": 16.0}


def fitted(**more: Any) -> Pattern:
    return radar.fit(toys.linear(), toys.images(8, seed=5), **{**SHORT, **more})


def one_sentence(error: pytest.ExceptionInfo[Any]) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert len(text) < 200
    return text


def test_says_what_it_is():
    model = toys.linear()
    pattern = fitted(seed=3, fitted_on="eight toys")
    assert (pattern.attack, pattern.seed, pattern.images, pattern.left_out) == ("uap", 3, 8, 0)
    assert (pattern.target, pattern.fitted_on) == (None, "eight toys")
    assert pattern.parameters["epochs"] == 2
    assert pattern.parameters["momentum"] == 0.9, "defaults too"
    assert pattern.model == model.sha256()
    assert pattern.values.shape == (3, toys.SIDE, toys.SIDE)
    assert 0 < float(pattern.values.abs().max()) <= 1


def test_fooled_is_the_share_flipped_at_the_epsilon_it_was_fitted_for():
    model, images = toys.linear(), toys.images(8, seed=5)
    pattern = fitted(fitted_eps=1.5)
    moved = (images + 1.5 / 255 * pattern.values).clamp(0, 1)
    flips = [a.label != b.label for a, b in zip(model.read(images), model.read(moved), strict=True)]
    assert pattern.fooled == sum(flips) / 8
    assert pattern.fooled > 0
    wider = radar.attack(model, images, "uap", "8/255", pattern=pattern)
    assert wider.status.count("flipped") / 8 > pattern.fooled


def test_images_at_the_target_are_left_out_and_counted():
    model, images = toys.linear(), toys.images(8, seed=5)
    at_target = sum(r.label == "a" for r in model.read(images))
    assert 0 < at_target < 8
    pattern = fitted(target="a", epochs=5)
    assert (pattern.images, pattern.left_out) == (8 - at_target, at_target)
    result = radar.attack(model, images, "uap", "16/255", pattern=pattern, target="a")
    assert pattern.fooled == result.status.count("flipped") / (8 - at_target)
    others = images[[r.label != "a" for r in model.read(images)]]
    same = radar.fit(model, others, target="a", **{**SHORT, "epochs": 5})
    assert torch.equal(same.values, pattern.values)


def test_saved_and_opened_it_is_the_same(tmp_path: Path):
    model, images = toys.linear(), toys.images(3)
    pattern = fitted(target="a")
    path = pattern.save(tmp_path / "new" / "uap-8.5")
    assert path == tmp_path / "new" / "uap-8.5.safetensors"
    again = radar.load_pattern(path)
    assert torch.equal(again.values, pattern.values)
    assert described(again) == described(pattern)
    first, second = (
        radar.attack(model, images, "uap", "8/255", pattern=p, target="a") for p in (pattern, again)
    )
    assert torch.equal(first.images, second.images)
    assert first.status == second.status
    assert first.readings_attacked == second.readings_attacked


def test_a_path_that_cannot_be_written_is_said(tmp_path: Path):
    pattern = fitted()
    (tmp_path / "file").touch()
    with pytest.raises(CannotWrite, match="cannot be written") as error:
        pattern.save(tmp_path / "file" / "uap")
    one_sentence(error)
    with pytest.raises(CannotWrite, match="names no file"):
        pattern.save("")


def test_a_pattern_that_does_not_belong_is_refused():
    model, images, pattern = toys.linear(), toys.images(2), fitted()

    def refused(match: str, pattern: Pattern | None, **more: Any) -> None:
        with pytest.raises(BadParameter, match=match) as error:
            radar.attack(model, images, more.pop("name", "uap"), "8/255", pattern=pattern, **more)
        one_sentence(error)

    smaller = replace(pattern, values=pattern.values[:, :16, :16])
    refused("16 × 16 px, unnamed reads 32 × 32 px: fit one", smaller)
    refused("fitted by other, not by uap", replace(pattern, attack="other"))
    refused("aims at no class, not at a: fit one", pattern, target="a")
    refused("aims at a, not at none: fit one", replace(pattern, target="a"))
    refused("aims at a, not at b", replace(pattern, target="a"), target="b")
    refused("one pattern aims at one class", replace(pattern, target="a"), target=["a", "b"])
    refused("PGD uses no pattern", pattern, name="pgd")
    refused("fit it first", None)


def test_a_pattern_of_another_model_is_allowed():
    pattern, other = fitted(), toys.linear(seed=1)
    assert pattern.model != other.sha256()
    assert len(radar.attack(other, toys.images(2), "uap", "8/255", pattern=pattern).status) == 2


def described(pattern: Pattern, **changed: Any) -> dict[str, str]:
    """What `save` writes beside the values, with changes."""
    said = {k: v for k, v in pattern.__dict__.items() if k != "values"}
    return {"pattern": json.dumps({**said, **changed})}


class Harmful:
    """Would write a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_file_without_a_pattern_is_refused(tmp_path: Path):
    pattern, file = fitted(), tmp_path / "file.safetensors"
    tensors = {"values": pattern.values}

    def refused(match: str) -> None:
        with pytest.raises(BadParameter, match=match) as error:
            radar.load_pattern(file)
        assert str(file) in one_sentence(error)

    refused("there is no file")
    file.write_bytes(pickle.dumps(Harmful(tmp_path / "ran")))
    refused("holds no pattern; fit one")
    torch.save(tensors, file)
    refused("holds no pattern; fit one")
    assert not (tmp_path / "ran").exists(), "nothing was unpickled"
    for raw in (b"", b"\xff" * 100, pattern.save(tmp_path / "whole").read_bytes()[:-10]):
        file.write_bytes(raw)
        refused("holds no pattern; fit one")
    save_file(tensors, file)
    refused("holds no pattern; fit one")
    for metadata in ({"pattern": "{"}, {"pattern": "[1]"}, described(pattern, images="many")):
        save_file(tensors, file, metadata)
        refused("holds no pattern; fit one")
    save_file({"other": pattern.values}, file, described(pattern))
    refused("holds no pattern; fit one")
    save_file(tensors, file, described(pattern))
    assert torch.equal(radar.load_pattern(file).values, pattern.values)


def spoilt(values: Tensor, value: float) -> Tensor:
    values = values.clone()
    values[0, 0, 0] = value
    return values


@pytest.mark.parametrize(
    "spoil",
    [
        lambda v: spoilt(v, float("nan")),
        lambda v: spoilt(v, float("inf")),
        lambda v: spoilt(v, 1.01),
        lambda v: v.double(),
        lambda v: v[None],
        lambda v: v[..., None].contiguous(),
        lambda v: v[:2].clone(),
        lambda v: v[:, :0].clone(),
    ],
)
def test_a_file_with_a_bad_pattern_is_refused(tmp_path: Path, spoil: Any):
    pattern, file = fitted(), tmp_path / "file.safetensors"
    save_file({"values": spoil(pattern.values)}, file, described(pattern))
    with pytest.raises(BadParameter, match="no pattern of L∞ norm 1; fit it again") as error:
        radar.load_pattern(file)
    one_sentence(error)


def test_what_cannot_be_fitted_is_said():
    model, images = toys.linear(), toys.images(8, seed=5)
    with pytest.raises(BadParameter, match="PGD needs no fitting"):
        radar.fit(model, images, "pgd")
    with pytest.raises(BadImage, match="at least one image"):
        radar.fit(model, [])
    with pytest.raises(BadImage, match="at least one image"):
        radar.fit(model, images[:0])
    with pytest.raises(BadModel, match="no class 'z'"):
        radar.fit(model, images, target="z")
    at_a = images[[r.label == "a" for r in model.read(images)]]
    with pytest.raises(BadParameter, match="is read as a already; fit on images of other") as error:
        radar.fit(model, at_a, target="a")
    one_sentence(error)
