"""Auto-PGD step by step: a run re-derived image by image, and the rules that halve the step."""

from __future__ import annotations

import itertools

import pytest
import torch
import torchattacks
from torch import Tensor, nn

import radar_core as radar
from radar_core.attacks.apgd import Climb, checkpoints
from radar_core.attacks.objective import Objective
from radar_core.epsilon import parse_epsilon
from tests import toys


class Hill(nn.Module):
    """Class 1 grows towards a peak near the clean images, but all images read 0."""

    def __init__(self, peak: Tensor) -> None:
        super().__init__()
        self.peak = peak

    def forward(self, x: Tensor) -> Tensor:
        height = -(x - self.peak).square().sum((1, 2, 3))
        return torch.stack([torch.zeros_like(height), height], dim=1)


class Watched(nn.Module):
    """A module that keeps what it is given."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module, self.keep = module, nn.Identity()
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(x.detach().clone())
        return self.module(self.keep(x))


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
@pytest.mark.parametrize("target", [None, "b"])
def test_every_step_is_that_of_the_paper(norm: str, axis: tuple[str, ...], target: str | None):
    draw = torch.rand((4, 3, toys.SIDE, toys.SIDE), generator=torch.Generator().manual_seed(5))
    # Near each other, so that heights are small numbers and float32 tells them apart.
    *clean, peak = 0.1 + 0.8 * toys.images(1) + 0.06 * (draw - 0.5)
    # Gaps of 11, 10, 9, … steps.
    module, steps, checked = Watched(Hill(peak)), 50, {11, 21, 30, 38, 45}
    model = toys.classifier(module, "keep", "ab", mean=(0.0,) * 3, std=(1.0,) * 3)
    frames = radar.attack_grid(
        model, torch.stack(clean), "apgd", axis, target=target, steps=steps, norm=norm
    )
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


@pytest.mark.parametrize(
    ("first", "then", "lengths"),
    [
        ((0, 1, 2, 3, 4), (5, 6, 7, 8), (2, 2)),  # every step is a rise
        ((0, 3, 1, 2, 4), (5, 4, 5, 6), (2, 2)),  # three of four are, which is ρ
        ((0, 1, 0, 2, 1), (3, 4, 5, 6), (1, 1)),  # two of four: condition 1
        ((5, 1, 2, 3, 4), (1, 2, 3, 4), (1, 1)),  # condition 2, but not after a halving
        ((0, 1, 2, 3, 4), (1, 2, 3, 4), (2, 1)),  # condition 2: the best is that of the last check
        ((5, 1, 2, 3, 4), (4.5, 4, 4.6, 4.7), (1, 0.5)),  # the first rises from 4, but it is at 5
    ],
)
def test_step_is_halved_under_the_two_conditions(first, then, lengths):
    objective = Objective(toys.linear(), toys.images(1), [(0.1,) * 3])
    climb = Climb(objective, objective.clean, torch.tensor([0]))
    step = 0
    for losses, length in zip((first, then), lengths, strict=True):
        for loss in losses:
            climb.images = torch.full_like(objective.clean, step)
            climb.arrive(climb.images + 0.5, torch.tensor([float(loss)]))
            climb.move()
            step += 1
        halved = length < float(climb.step)
        climb.images = torch.full_like(objective.clean, step - 1)
        climb.judge(4)
        assert float(climb.step) == length
        so_far = first if losses is first else first + then
        stands = so_far.index(max(so_far)) if halved else step - 1
        assert bool((climb.images == stands).all())


@pytest.mark.parametrize("targeted", [False, True])
def test_dlr_is_what_is_followed(targeted: bool):
    module = Watched(toys.linear(5).module)
    model = toys.classifier(module, "keep", "abcde", mean=(0.0,) * 3, std=(1.0,) * 3)
    images, eps = 0.2 + 0.6 * toys.images(6), 0.3
    own = torch.tensor([model.index(r.label) for r in model.read(images)])
    aims = (own + torch.tensor([1, 2, 3, 4, 1, 2])) % 5
    names = ["abcde"[number] for number in aims.tolist()] if targeted else None
    module.seen.clear()
    radar.attack(model, images, "apgd", eps, target=names, loss="dlr", norm="l2", steps=1)
    _, start, end = module.seen
    leaf = start.clone().requires_grad_()
    if targeted:
        loss = torchattacks.APGDT(module).dlr_loss_targeted(module(leaf), own, aims)
    else:
        loss = torchattacks.APGD(module).dlr_loss(module(leaf), own)
    (slope,) = torch.autograd.grad(loss.sum(), leaf)
    for image, at, along, to in zip(images, start, slope, end, strict=True):
        moved = at + 2 * eps * along / along.norm() - image
        assert float(moved.norm()) > eps
        assert torch.allclose(to, image + eps * moved / moved.norm(), rtol=0, atol=1e-5)
