"""Auto-PGD: strength beside torchattacks and PGD, cost, and odd models."""

from __future__ import annotations

import pytest
import torch
import torchattacks
from torch import Tensor, nn

import radar_core as radar
from radar_core.attacks.losses import margin
from tests import toys

BOTH_NORMS = pytest.mark.parametrize("norm", ["linf", "l2"])
BOTH_LOSSES = pytest.mark.parametrize("loss", ["ce", "dlr"])
TORCHATTACKS_NORM = {"linf": "Linf", "l2": "L2"}


class Shifted(nn.Module):
    """Another module's logits, all moved by a constant."""

    def __init__(self, module: nn.Module, by: float) -> None:
        super().__init__()
        self.module, self.by = module, by

    def forward(self, x: Tensor) -> Tensor:
        return self.module(x) + self.by


def read(model: radar.Classifier, images: Tensor) -> Tensor:
    """The class read in each image."""
    return torch.tensor([model.index(r.label) for r in model.read(images)])


def margins(model: radar.Classifier, images: Tensor, classes: Tensor) -> Tensor:
    """How far past the boundary each image lies."""
    with torch.no_grad(), model.held():
        return margin(model(images), classes)


def rival(model: radar.Classifier, images: Tensor, classes: Tensor, **how: object) -> Tensor:
    """What torchattacks makes of the images; clean where it found nothing."""
    with toys.seeded(0), model.held():
        return torchattacks.APGD(model, **how)(images, classes)


def rival_towards_second(
    model: radar.Classifier, images: Tensor, classes: Tensor, **how: object
) -> Tensor:
    """What torchattacks' targeted run makes of the images, towards the runner-up class."""
    attack = torchattacks.APGDT(model, **how)
    attack.target_class = 2
    with toys.seeded(0), model.held():
        best, *_ = attack.attack_single_run(images, classes)
    return best.detach()


def runner_up(model: radar.Classifier, images: Tensor) -> Tensor:
    """The class read second in each image."""
    with torch.no_grad(), model.held():
        return model(images).topk(2, 1).indices[:, 1]


def named(model: radar.Classifier, classes: Tensor) -> list[str]:
    """Classes by name."""
    return [model.class_names[number] for number in classes.tolist()]


@BOTH_LOSSES
@BOTH_NORMS
def test_reaches_the_optimum_of_a_linear_model(norm: str, loss: str):
    plain = toys.linear(2).module
    model = toys.classifier(plain, "keep", "ab", mean=(0.0,) * 3, std=(1.0,) * 3)
    images = 0.2 + 0.6 * toys.images()
    eps = {"linf": 8 / 255, "l2": 0.5}[norm]
    result = radar.attack(model, images, "apgd", eps, steps=20, norm=norm, loss=loss)
    weight = plain.head.weight.detach().view(2, 3, toys.SIDE, toys.SIDE)
    for image, attacked, own in zip(images, result.images, read(model, images), strict=True):
        slope = weight[1 - own] - weight[own]
        best = image + eps * (slope.sign() if norm == "linf" else slope / slope.norm())
        assert torch.allclose(attacked, best, rtol=0, atol=1e-6 if norm == "linf" else 1e-4)


def test_first_step_is_twice_the_radius():
    model, images = toys.linear(2), 0.2 + 0.6 * toys.images()
    # From anywhere in an L∞ ball, 2ε along the sign of the gradient ends at the best corner.
    result = radar.attack(model, images, "apgd", 8 / 255, steps=1)
    weight = model.module.head.weight.detach().view(2, 3, toys.SIDE, toys.SIDE)
    for image, attacked, own in zip(images, result.images, read(model, images), strict=True):
        best = image + 8 / 255 * (weight[1 - own] - weight[own]).sign()
        assert torch.allclose(attacked, best, rtol=0, atol=1e-6)


@BOTH_LOSSES
@pytest.mark.parametrize(("norm", "eps"), [("linf", 8 / 255), ("l2", 1.4)])
def test_is_no_weaker_than_torchattacks_and_pgd(norm: str, eps: float, loss: str):
    # At these ε no image is so near the boundary that a random start decides.
    model, images = toys.conv(seed=5), toys.images(24)
    own = read(model, images)
    ours = radar.attack(model, images, "apgd", eps, steps=20, norm=norm, loss=loss)
    reached = margins(model, ours.images, own)
    theirs = margins(
        model,
        rival(model, images, own, eps=eps, steps=20, norm=TORCHATTACKS_NORM[norm], loss=loss),
        own,
    )
    flipped = ours.status.count("flipped")
    assert flipped >= int((theirs > 0).sum())
    assert float((reached - theirs)[theirs > 0].mean()) > -0.05
    assert 0 < flipped < len(images), "a contest that all or none wins shows nothing"
    pgd = radar.attack(model, images, "pgd", eps, steps=20, norm=norm)
    assert flipped >= pgd.status.count("flipped")
    if loss == "ce":
        assert float((reached - margins(model, pgd.images, own)).mean()) > 0


@BOTH_LOSSES
@pytest.mark.parametrize(("norm", "eps"), [("linf", 4 / 255), ("l2", 0.8)])
def test_reaches_targets_as_often_as_torchattacks(norm: str, eps: float, loss: str):
    model = toys.classifier(toys.network(5, seed=1), "block", "abcde")
    images = toys.images(24)
    own, targets = read(model, images), runner_up(model, images)
    ours = radar.attack(
        model, images, "apgd", eps, target=named(model, targets), steps=20, norm=norm, loss=loss
    )
    theirs = rival_towards_second(
        model, images, own, eps=eps, steps=20, norm=TORCHATTACKS_NORM[norm]
    )
    reached = ours.status.count("flipped")
    assert reached >= int((read(model, theirs) == targets).sum())
    assert 0 < reached < len(images)


@pytest.fixture(scope="module")
def phantom() -> tuple[radar.Classifier, Tensor]:
    """The shipped model and 12 held-out images."""
    cases = radar.open_data("phantom", split="test")
    return radar.load_model("phantom"), torch.stack([cases[i].image for i in range(12)])


@pytest.mark.parametrize(
    ("norm", "loss", "eps", "steps"), [("linf", "ce", 0.25 / 255, 4), ("l2", "dlr", 0.15, 3)]
)
def test_is_no_weaker_than_torchattacks_on_the_shipped_model(phantom, norm, loss, eps, steps):
    model, images = phantom
    own = read(model, images)
    ours = radar.attack(model, images, "apgd", eps, steps=steps, norm=norm, loss=loss)
    theirs = rival(
        model, images, own, eps=eps, steps=steps, norm=TORCHATTACKS_NORM[norm], loss=loss
    )
    flipped = ours.status.count("flipped")
    assert flipped >= int((read(model, theirs) != own).sum())
    assert 0 < flipped < len(images)


def test_reaches_targets_of_the_shipped_model(phantom):
    model, images, eps = phantom[0], phantom[1][:8], 0.25 / 255
    own, targets = read(model, images), runner_up(model, images)
    ours = radar.attack(
        model, images, "apgd", eps, target=named(model, targets), steps=3, loss="dlr"
    )
    theirs = rival_towards_second(model, images, own, eps=eps, steps=3)
    reached = ours.status.count("flipped")
    assert reached >= int((read(model, theirs) == targets).sum())
    assert 0 < reached < len(images)


@BOTH_LOSSES
def test_each_image_goes_for_its_own_target(loss: str):
    model, images = toys.linear(5), toys.images(6)
    own = read(model, images)
    targets = (own + torch.tensor([1, 2, 0, 3, 4, 2])) % 5  # the third is at its target
    how = {"steps": 6, "loss": loss, "early_stop": True}
    together = radar.attack(model, images, "apgd", "2/255", target=named(model, targets), **how)
    assert together.status[2] == "no-op"
    assert {"flipped", "held"} <= set(together.status)
    for number, name in enumerate(named(model, targets)):
        alone = radar.attack(model, images[number], "apgd", "2/255", target=name, **how)
        assert alone.status == together.status[number : number + 1]
        assert torch.allclose(alone.images[0], together.images[number], atol=1e-6)


@BOTH_LOSSES
def test_one_logit_is_attacked_as_two(loss: str):
    model, images = toys.one_logit(), toys.images(12)
    result = radar.attack(model, images, "apgd", "3/255", loss=loss)
    assert result.status.count("flipped") >= radar.attack(
        model, images, "pgd", "3/255"
    ).status.count("flipped")
    assert {"flipped", "held"} == set(result.status)


@BOTH_LOSSES
@pytest.mark.parametrize("target", [None, "b"])
def test_a_constant_on_the_logits_changes_nothing(loss: str, target: str | None):
    module, images = toys.network(5, seed=1), toys.images(24)
    plain = toys.classifier(module, "block", "abcde")
    low = toys.classifier(Shifted(module, -100.0), "module.block", "abcde")
    how = {"steps": 10, "loss": loss, "target": target}
    first, second = (radar.attack(model, images, "apgd", "4/255", **how) for model in (plain, low))
    assert first.status == second.status
    assert {"flipped", "held"} <= set(first.status)
    own = read(plain, images)
    assert torch.allclose(
        margins(plain, first.images, own), margins(plain, second.images, own), atol=0.05
    )


@BOTH_LOSSES
@BOTH_NORMS
def test_costs_a_reading_the_steps_and_a_last_reading(norm: str, loss: str):
    result = radar.attack(
        toys.conv(), toys.images(2), "apgd", "0.1/255", steps=7, norm=norm, loss=loss
    )
    assert result.status == ("held",) * 2
    assert (result.passes.forward, result.passes.backward) == (2 * (1 + 7 + 1), 2 * 7)
    assert [len(history) for history in result.history] == [7 + 1] * 2


def test_starts_again_only_for_images_that_held():
    model, images = toys.conv(seed=3), toys.images(24)
    once = radar.attack(model, images, "apgd", "3/255", steps=6)
    held = once.status.count("held")
    assert 0 < held < len(images)
    twice = radar.attack(model, images, "apgd", "3/255", steps=6, restarts=2)
    assert twice.passes.backward == once.passes.backward + 6 * held
    assert twice.passes.forward == once.passes.forward + 7 * held
    for status, before, after in zip(once.status, once.images, twice.images, strict=True):
        if status == "flipped":
            assert torch.equal(before, after)


@BOTH_LOSSES
@pytest.mark.parametrize("target", [None, "b"])
def test_stopping_at_the_flip_costs_less_and_flips_the_same(loss: str, target: str | None):
    model = toys.classifier(toys.network(5, seed=1), "block", "abcde")
    images = toys.images(24)
    how = {"steps": 12, "loss": loss, "target": target}
    full, short = (
        radar.attack(model, images, "apgd", "4/255", early_stop=stop, **how)
        for stop in (False, True)
    )
    assert full.status == short.status
    assert {"flipped", "held"} <= set(full.status)
    assert short.passes.backward < full.passes.backward
    for status, history in zip(short.status, short.history, strict=True):
        assert [value > 0 for value in history[:-1]] == [False] * (len(history) - 1)
        assert status != "flipped" or history[-1] > 0
