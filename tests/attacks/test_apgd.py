"""Auto-PGD: a run re-derived image by image, and strength beside torchattacks and PGD."""

from __future__ import annotations

import itertools

import pytest
import torch
import torchattacks
from torch import Tensor, nn

import radar_core as radar
from radar_core.attacks.apgd import checkpoints
from radar_core.attacks.losses import margin
from radar_core.epsilon import parse_epsilon
from tests import toys

BOTH_NORMS = pytest.mark.parametrize("norm", ["linf", "l2"])
BOTH_LOSSES = pytest.mark.parametrize("loss", ["ce", "dlr"])
TORCHATTACKS_NORM = {"linf": "Linf", "l2": "L2"}


class Hill(nn.Module):
    """Class 1 grows towards a peak near the clean images, but all images read 0."""

    def __init__(self, peak: Tensor) -> None:
        super().__init__()
        self.keep = nn.Identity()
        self.peak = peak
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(x.detach().clone())
        height = -(self.keep(x) - self.peak).square().sum((1, 2, 3))
        return torch.stack([torch.zeros_like(height), height], dim=1)


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


def climbed(
    start: Tensor,
    clean: Tensor,
    peak: Tensor,
    radii: tuple[float, ...],
    norm: str,
    steps: int,
    checked: set[int],
) -> tuple[list[Tensor], list[float]]:
    """Algorithm 1 for one image in float64: the iterates, and the step lengths in ε.

    In units of ε, so that the ball has radius 1: u = (x − clean) / radius.
    """
    radius = torch.tensor(radii, dtype=torch.float64).view(3, 1, 1)
    clean, peak = clean.double(), peak.double()
    low, high = -clean / radius, (1 - clean) / radius

    def inside(u: Tensor) -> Tensor:
        u = u.clamp(low, high)
        return u.clamp(-1, 1) if norm == "linf" else u / max(1.0, float(u.norm()))

    def height(u: Tensor) -> float:
        return -float((clean + radius * u - peak).square().sum())

    def uphill(u: Tensor) -> Tensor:
        slope = -2 * (clean + radius * u - peak) * radius
        return slope.sign() if norm == "linf" else slope / slope.norm()

    before = now = (start.double() - clean) / radius
    best, eta, etas, path, rises, last = now, 2.0, [], [now], 0, 0
    best_then, eta_then = height(now), eta
    for k in range(steps):
        if k in checked:
            seldom = rises < 0.75 * (k - last)
            nowhere = eta == eta_then and height(best) == best_then
            eta_then, best_then, rises, last = eta, height(best), 0, k
            if seldom or nowhere:
                eta, now = eta / 2, best
        there = inside(now + eta * uphill(now))
        if k:
            there = inside(now + 0.75 * (there - now) + 0.25 * (now - before))
        rises += height(there) > height(now)
        best = max(best, there, key=height)
        before, now = now, there
        path.append(now)
        etas.append(eta)
    return [clean + radius * u for u in path], etas


def test_checkpoints_are_those_of_the_paper():
    assert checkpoints(100) == (22, 41, 57, 70, 80, 87, 93, 99)
    assert checkpoints(1000) == tuple(10 * w for w in checkpoints(100))
    assert checkpoints(20) == (4, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20)
    assert checkpoints(1) == (1,)


@pytest.mark.parametrize(
    ("norm", "axis"),
    [
        ("linf", ("4/255", "8/255", "16/255")),
        ("linf", ("normalised:0.05", "normalised:0.2")),
        ("l2", ("0.5", "2", "6")),
        ("l2", ("normalised:3", "normalised:12")),
    ],
)
def test_every_step_is_that_of_the_paper(norm: str, axis: tuple[str, ...]):
    draw = torch.rand((4, 3, toys.SIDE, toys.SIDE), generator=torch.Generator().manual_seed(5))
    # Near each other, so that heights are small numbers and float32 tells them apart.
    *clean, peak = 0.1 + 0.8 * toys.images(1) + 0.06 * (draw - 0.5)
    # Gaps of 11, 10, 9, … steps.
    module, steps, checked = Hill(peak), 50, {11, 21, 30, 38, 45}
    model = toys.classifier(module, "keep", "ab", mean=(0.0,) * 3, std=(1.0,) * 3)
    frames = radar.attack_grid(model, torch.stack(clean), "apgd", axis, steps=steps, norm=norm)
    assert all(frame.status == ("held",) * 3 for frame in frames)
    seen = module.seen[1:]
    assert len(seen) == steps + 1
    lengths = []
    for row, (eps, image) in enumerate(itertools.product(axis, clean)):
        radii = parse_epsilon(eps, norm).radii
        path, etas = climbed(seen[0][row], image, peak, radii, norm, steps, checked)
        lengths.append(etas)
        for theirs, ours in zip(path, seen, strict=True):
            # A gradient that is all but zero may have either sign in float32.
            apart = (ours[row].double() - theirs).abs() > 3e-4 * max(radii)
            assert float(apart.double().mean()) < 0.01
    assert {etas[0] for etas in lengths} == {2.0}
    assert len({tuple(etas) for etas in lengths}) > 1, "rows that all halve at once show little"
    assert min(min(etas) for etas in lengths) < 0.2


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
