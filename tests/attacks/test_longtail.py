"""The long tail: the library's own results, seeded, and kept from doing harm."""

from __future__ import annotations

import math
import sys
import warnings
from typing import Any

import pytest
import torch
import torchattacks
from torch import Tensor

import radar_core as radar
from radar_core.attacks import ATTACKS
from radar_core.attacks.longtail import FIRST_ORDER, TABLE, methods, provided
from radar_core.attacks.longtail import guard as guarding
from radar_core.params import controls
from radar_core.runtime import generator
from tests import toys
from tests.test_layering import loaded_after

EPS = 1 / 32  # a float32, so that rounding does not differ
STEP = 2.5 * EPS / 5
SEED = int(torch.randint(2**31, (), generator=generator(0, "attack")))  # what seed 0 comes to
SHORT = {"steps": 5, "queries": 40}

# Each attack as one would call the library: its arguments for 5 steps at ε = 1/32.
DIRECT: dict[str, dict[str, Any]] = {
    "Square": {"norm": "Linf", "eps": EPS, "n_queries": 40, "seed": SEED},
    "FAB": {"norm": "Linf", "eps": math.inf, "steps": 5, "seed": SEED},
    "OnePixel": {"steps": 5, "popsize": 20},
    "Pixle": {"restarts": 10, "max_iterations": 5},
    "SparseFool": {"steps": 5, "lam": 3, "overshoot": 0.02},
    "Jitter": {"eps": EPS, "alpha": STEP, "steps": 5},
    "DIFGSM": {"eps": EPS, "alpha": STEP, "steps": 5},
    "TIFGSM": {"eps": EPS, "alpha": STEP, "steps": 5},
    "NIFGSM": {"eps": EPS, "alpha": EPS / 5, "steps": 5},
    "SINIFGSM": {"eps": EPS, "alpha": EPS / 5, "steps": 5},
    "VMIFGSM": {"eps": EPS, "alpha": EPS / 5, "steps": 5},
    "VNIFGSM": {"eps": EPS, "alpha": EPS / 5, "steps": 5},
    "EOTPGD": {"eps": EPS, "alpha": STEP, "steps": 5},
    "FFGSM": {"eps": EPS, "alpha": 1.25 * EPS},
    "RFGSM": {"eps": EPS, "alpha": STEP, "steps": 5},
}
each = pytest.mark.parametrize("declared", TABLE, ids=lambda declared: declared.id)


def attack(model: radar.Classifier, images: Tensor, name: str, **more: Any) -> Any:
    """Attack with few steps."""
    known = controls(ATTACKS[name])
    given = {key: value for key, value in SHORT.items() if key in known}
    return radar.attack(model, images, name, EPS, **{**given, **more})


def read(model: radar.Classifier, images: Tensor) -> Tensor:
    """The class read in each image."""
    return torch.tensor([model.index(reading.label) for reading in model.read(images)])


@each
def test_gives_what_the_library_gives(declared):
    square = declared.library == "Square"  # few squares do not turn a linear model
    model, images = toys.conv(seed=3) if square else toys.linear(), toys.images(3)
    result = attack(model, images, declared.id)
    compared = 0
    for image, label, ours in zip(images, read(model, images), result.images, strict=True):
        with guarding.seeded(SEED), model.held(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            direct = getattr(torchattacks, declared.library)(model, **DIRECT[declared.library])
            theirs = direct(image[None], label[None])[0]
        if not (square and torch.equal(theirs, image)):  # it gives back only what succeeded
            assert torch.allclose(ours, theirs, rtol=0, atol=1e-7)
            compared += 1
    assert compared == 3 or (square and compared)
    assert result.facts == {}, "none was stopped"


def test_reaches_a_target_as_the_library_does():
    model, images = toys.linear(), toys.images(2)
    aims = (read(model, images) + 1) % 3
    result = attack(model, images, "nifgsm", target=[model.class_names[i] for i in aims])
    direct = torchattacks.NIFGSM(model, **DIRECT["NIFGSM"])
    direct.set_mode_targeted_by_function(lambda *_: aims)
    with model.held():
        theirs = direct(images, read(model, images))
    assert torch.allclose(result.images, theirs, rtol=0, atol=1e-7)


@each
def test_another_seed_draws_anew(declared):
    model, images = toys.conv(), toys.images(2)
    first, again, other = (attack(model, images, declared.id, seed=seed) for seed in (1, 1, 2))
    draws = declared.library not in ("FAB", "SparseFool", "NIFGSM", "SINIFGSM")
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.images, other.images) != draws


def test_random_starts_are_those_of_an_image_alone():
    model = toys.linear()
    images = toys.images(1).expand(3, -1, -1, -1).clone()
    result = attack(model, images, "ffgsm")
    assert torch.equal(result.images[0], result.images[2])


def test_square_that_finds_nothing_better_than_the_image_is_no_noop():
    result = radar.attack(toys.conv(), toys.images(), "square", 1 / 8, queries=10)
    assert set(result.status) == {"held"}
    assert all(reached == pytest.approx(1 / 8) for reached in result.linf)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_square_gives_what_is_nearest_to_a_flip_where_there_is_none(norm):
    model, images = toys.linear(), toys.images(2)
    result = radar.attack(model, images, "square", 2 / 255, queries=30, norm=norm)
    assert result.status == ("held", "held")
    before, after = result.readings_clean, result.readings_attacked
    assert all(b.probability > a.probability for b, a in zip(before, after, strict=True)), (
        "it got somewhere"
    )
    reached = result.linf if norm == "linf" else result.l2
    assert all(0 < r <= 2 / 255 * (1 + 1e-5) for r in reached)


def test_pixle_pays_once_for_what_it_asks_twice():
    result = attack(toys.linear(), toys.images(1), "pixle", rounds=2, steps=3)
    assert result.passes.forward <= 1 + (1 + 2 * 3) + 1


@pytest.mark.parametrize("name", ["nifgsm", "sparsefool"])
def test_no_gradient_is_a_noop_where_the_library_divides_by_zero(name):
    model, images = toys.flat(), 0.2 * toys.images(2)
    result = attack(model, images, name)
    assert result.status == ("no-op", "no-op")
    assert torch.equal(result.images, images)


@pytest.mark.parametrize("name", ["jitter", "nifgsm", "fab", "sparsefool"])
def test_does_not_mind_where_logits_lie(name):
    model, images = toys.linear(), toys.images(2)
    with torch.no_grad():
        model.module.head.bias -= 100
    assert radar.attack(model, images, name, "64/255").status == ("flipped", "flipped")


def test_lists_what_the_library_has_and_nothing_else():
    assert {declared.library for declared in TABLE} <= provided()
    assert all(hasattr(torchattacks, name) for name in provided())
    assert list(methods({"Pixle", "GN"})) == ["pixle"]
    assert methods(()) == {}
    assert {d.id for d in TABLE} <= set(ATTACKS)


def test_without_the_library_nothing_is_listed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert provided() == frozenset()


@each
def test_says_what_it_does_in_one_line(declared):
    method = ATTACKS[declared.id]
    first, empty, *_ = method.__doc__.splitlines()
    assert first.endswith((".", "…"))
    assert empty == ""
    assert "torchattacks" in method.__doc__
    assert "arXiv:" in method.source
    assert method.order >= FIRST_ORDER


def test_listing_attacks_does_not_load_the_library():
    assert "torchattacks" in sys.modules, "else this shows nothing"
    assert "torchattacks" not in loaded_after(
        "from radar_core.attacks import ATTACKS; len(ATTACKS)"
    )
