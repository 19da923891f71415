"""PGD: the optimum where it is known, and strength beside torchattacks and foolbox."""

from __future__ import annotations

import warnings

import pytest
import torch
import torchattacks
from torch import Tensor

import radar_core as radar
from radar_core.attacks.losses import margin
from tests import toys

EPS = 3 / 255


def margins(model: radar.Classifier, images: Tensor, classes: Tensor) -> Tensor:
    """How far past the boundary each image lies."""
    with torch.no_grad(), model.held():
        return margin(model(images), classes)


@pytest.fixture
def contest() -> tuple[radar.Classifier, Tensor, Tensor]:
    """A model, images and what it reads in them."""
    model, images = toys.conv(seed=3), toys.images(24)
    return model, images, torch.tensor([model.index(r.label) for r in model.read(images)])


def test_reaches_the_optimum_of_a_linear_model():
    model, images = toys.linear(2), toys.images()
    result = radar.attack(model, images, "pgd", "8/255", steps=10)
    weight = model.module.head.weight.detach().view(2, 3, toys.SIDE, toys.SIDE)
    for image, attacked, reading in zip(images, result.images, result.readings_clean, strict=True):
        read = model.index(reading.label)
        best = (image + 8 / 255 * (weight[1 - read] - weight[read]).sign()).clamp(0, 1)
        assert torch.allclose(attacked, best, rtol=0, atol=1e-6)


@pytest.mark.parametrize("steps", [5, 20])
def test_is_no_weaker_than_torchattacks(contest, steps: int):
    model, images, read = contest
    theirs = torchattacks.PGD(model, eps=EPS, alpha=2.5 * EPS / steps, steps=steps)
    with toys.seeded(0), model.held():
        rival = margins(model, theirs(images, read), read)
    ours = radar.attack(model, images, "pgd", EPS, steps=steps)
    own = margins(model, ours.images, read)
    assert float(own.mean()) >= float(rival.mean()) - 1e-3
    assert int((own > 0).sum()) >= int((rival > 0).sum())
    assert 0 < int((own > 0).sum()) < len(images), "a contest that all or none wins shows nothing"


@pytest.mark.parametrize("steps", [5, 20])
def test_is_no_weaker_than_foolbox(contest, steps: int):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        foolbox = pytest.importorskip("foolbox", reason="a rival to compare with")
    model, images, read = contest
    with toys.seeded(0), model.held():
        wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")
        rival_attack = foolbox.attacks.LinfPGD(rel_stepsize=2.5 / steps, steps=steps)
        _, rival_images, _ = rival_attack(wrapped, images, read, epsilons=EPS)
        rival = margins(model, rival_images, read)
    own = margins(model, radar.attack(model, images, "pgd", EPS, steps=steps).images, read)
    assert float(own.mean()) >= float(rival.mean()) - 1e-3
    assert int((own > 0).sum()) >= int((rival > 0).sum())


def test_keeps_the_strongest_iterate(contest):
    model, images, read = contest
    # A step as long as the ball is wide: the iterates jump about, and the last is rarely the best.
    wild = {"steps": 12, "step_size": 24.0}
    last = torchattacks.PGD(model, eps=EPS, alpha=2 * EPS, steps=12)
    with toys.seeded(0), model.held():
        jumped = margins(model, last(images, read), read)
    kept = margins(model, radar.attack(model, images, "pgd", EPS, **wild).images, read)
    assert bool((kept >= jumped - 1e-3).float().mean() > 0.9)
    assert float(kept.mean()) > float(jumped.mean())


def test_starts_again_only_for_images_that_held(contest):
    model, images, _ = contest
    once = radar.attack(model, images, "pgd", EPS, steps=5)
    held = once.status.count("held")
    assert 0 < held < len(images)
    twice = radar.attack(model, images, "pgd", EPS, steps=5, restarts=2)
    assert twice.passes.backward == once.passes.backward + 5 * held
    for first, second, before, after in zip(
        once.status, twice.status, once.images, twice.images, strict=True
    ):
        if first == "flipped":
            assert second == "flipped"
            assert torch.equal(before, after)


def test_costs_a_reading_the_steps_and_a_last_reading():
    result = radar.attack(toys.conv(), toys.images(2), "pgd", "1/255", steps=7)
    assert (result.passes.forward, result.passes.backward) == (2 * (1 + 7 + 1), 2 * 7)
    from_clean = radar.attack(
        toys.conv(), toys.images(2), "pgd", "1/255", steps=7, random_start=False, restarts=5
    )
    assert from_clean.passes.forward == 2 * (7 + 1), "the clean image's pass serves its gradient"


def test_seed_changes_the_start():
    model, images = toys.conv(), toys.images(2)
    first, other = (
        radar.attack(model, images, "pgd", "8/255", steps=1, seed=seed) for seed in (0, 1)
    )
    assert not torch.equal(first.images, other.images)
