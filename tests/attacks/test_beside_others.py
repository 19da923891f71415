"""Gradients, single steps and strength beside captum and foolbox, on a toy and the shipped one."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import radar_core as radar
from radar_core.attacks.objective import Objective
from tests import toys

EPS = 1 / 255


@lru_cache(maxsize=1)
def phantom() -> tuple[radar.Classifier, Tensor]:
    model, data = radar.load_model("phantom"), radar.open_data("phantom", split="test")
    return model, torch.cat([model.prepare(data[i].image) for i in range(10)])


@pytest.fixture(params=["toy", "phantom"])
def given(request: pytest.FixtureRequest) -> tuple[radar.Classifier, Tensor, Tensor]:
    """A model, images, and what it reads in them."""
    model, images = phantom() if request.param == "phantom" else (toys.conv(3), toys.images(24))
    return model, images, torch.tensor([model.index(r.label) for r in model.read(images)])


def foolbox() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return pytest.importorskip("foolbox", reason="a rival to compare with")


def cross_entropy(logits: Tensor, classes: Tensor) -> Tensor:
    return F.cross_entropy(logits, classes, reduction="none")


def test_gradients_are_captums(given):
    from captum.attr import Saliency

    model, images, read = given
    images, read = images[:4], read[:4]
    with model.held():
        objective = Objective(model, images, [(EPS,) * 3])
        ours, _ = objective.gradient(images, loss=cross_entropy)
        theirs = Saliency(lambda x: cross_entropy(model(x), read)).attribute(
            images.clone().requires_grad_(), abs=False
        )
        chance, _ = objective.gradient(images)
    size = theirs.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    assert torch.allclose(ours / size, theirs / size, rtol=0, atol=1e-5)
    # What attacks climb has that direction: of length one, the two gradients are equal.
    unit = chance / chance.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    assert torch.allclose(unit, theirs / size, rtol=0, atol=1e-5)


def test_one_step_of_fgsm_is_captums(given):
    from captum.robust import FGSM

    model, images, read = given
    # Where the model is certain, cross-entropy loses its gradient to rounding; ours does not.
    unsure = torch.tensor([r.probability < 0.95 for r in model.read(images)])
    images, read = images[unsure], read[unsure]
    assert len(images) >= 2
    with model.held():
        loss = torch.nn.CrossEntropyLoss(reduction="none")
        rival = FGSM(model, loss_func=loss, lower_bound=0, upper_bound=1)
        theirs = rival.perturb(images.clone().requires_grad_(), EPS, read)
    same(radar.attack(model, images, "fgsm", EPS).images, theirs, 0.995)


@pytest.mark.parametrize("name", ["fgsm", "bim"])
def test_one_step_is_foolboxs(given, name: str):
    fb = foolbox()
    model, images, read = given
    rivals = {
        "fgsm": fb.attacks.LinfFastGradientAttack(),
        "bim": fb.attacks.LinfBasicIterativeAttack(rel_stepsize=0.5, steps=1),
    }
    steps = {} if name == "fgsm" else {"steps": 1, "step_size": 0.5}
    with model.held():
        wrapped = fb.PyTorchModel(model, bounds=(0, 1), device="cpu")
        _, theirs, _ = rivals[name](wrapped, images, read, epsilons=EPS)
    same(radar.attack(model, images, name, EPS, **steps).images, theirs)


def test_one_step_in_l2_is_foolboxs(given):
    fb = foolbox()
    model, images, read = given
    with model.held():
        wrapped = fb.PyTorchModel(model, bounds=(0, 1), device="cpu")
        rival = fb.attacks.L2PGD(rel_stepsize=0.5, steps=1, random_start=False)
        _, theirs, _ = rival(wrapped, images, read, epsilons=0.5)
    ours = radar.attack(
        model, images, "pgd", 0.5, norm="l2", steps=1, step_size=0.5, random_start=False
    )
    assert torch.allclose(ours.images, theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("norm", "eps"), [("linf", 0.3 / 255), ("l2", 0.15)])
def test_pgd_leaves_no_more_images_than_foolbox(given, norm: str, eps: float):
    fb = foolbox()
    model, images, read = given
    if len(images) > 10:  # the toy holds out longer
        eps *= 10 if norm == "linf" else 0.5
    rival = {"linf": fb.attacks.LinfPGD, "l2": fb.attacks.L2PGD}[norm](rel_stepsize=0.25, steps=10)
    with toys.seeded(0), model.held():
        wrapped = fb.PyTorchModel(model, bounds=(0, 1), device="cpu")
        _, _, success = rival(wrapped, images, read, epsilons=eps)
    ours = radar.attack(model, images, "pgd", eps, norm=norm, steps=10)
    held = len(images) - ours.status.count("flipped")
    assert held <= len(images) - int(success.sum())
    assert 0 < held < len(images), "a contest that all or none wins shows nothing"


def same(ours: Tensor, theirs: Tensor, share: float = 0.999) -> None:
    """Equal but for values whose gradient is of rounding size, where a sign is chance."""
    assert float(((ours - theirs).abs() < 1e-5).float().mean()) > share
