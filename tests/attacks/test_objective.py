"""The allowed box, and the passes an attack pays for."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from radar_core.attacks.objective import Objective
from radar_core.runtime import count_passes
from tests import toys


@pytest.mark.parametrize("levels", [0.5, 1, 2, 4, 8, 64, 255])
def test_box_lies_within_the_radius_to_the_last_bit(levels: float):
    clean = toys.images(3, side=64)
    clean[0] = (clean[0] * 255).round() / 255
    model = toys.classifier(_Mean(), "keep", "ab")
    objective = Objective(model, clean, [(levels / 255,) * 3])
    for face in (objective.box.low, objective.box.high):
        distance = (face - clean).abs()
        assert float(distance.max()) <= levels / 255
        assert float(face.min()) >= 0
        assert float(face.max()) <= 1
        free = (face > 0) & (face < 1)
        assert bool((distance[free] > 0.9999 * levels / 255).all())


def test_first_gradient_at_the_clean_image_costs_no_second_pass():
    objective_passes = []
    for images in ("clean", "copy"):
        clean = toys.images(2)
        with count_passes() as passes:
            objective = Objective(toys.conv(), clean, [(0.1,) * 3])
            at = objective.clean if images == "clean" else clean.clone()
            gradient, logits = objective.gradient(at)
        objective_passes.append((passes.forward, passes.backward))
        assert torch.allclose(logits, objective.clean_logits, atol=1e-5)
        assert bool(gradient.any())
    assert objective_passes == [(2, 2), (4, 2)]


def test_gradient_points_away_from_the_class_or_to_the_target():
    model, clean = toys.linear(2), toys.images(3)
    weight = model.module.head.weight.view(2, 3, toys.SIDE, toys.SIDE) / model.std
    away = Objective(model, clean, [(0.1,) * 3])
    gradient, _ = away.gradient(clean)
    expected = weight[1 - away.classes] - weight[away.classes]
    assert torch.allclose(gradient, expected, atol=1e-6)
    towards = Objective(model, clean, [(0.1,) * 3], targets=1 - away.classes)
    assert torch.allclose(towards.gradient(clean)[0], expected, atol=1e-6)
    assert torch.equal(towards.margin(towards.clean_logits), away.margin(away.clean_logits))


def test_says_where_no_gradient_came():
    clean = toys.images(2)
    silent = Objective(toys.classifier(_Silent(), "keep", "ab"), clean, [(0.1,) * 3])
    assert not silent.without_gradient.any(), "nothing was asked yet"
    gradient, _ = silent.gradient(clean)
    assert not gradient.any()
    assert silent.without_gradient.all()
    speaking = Objective(toys.conv(), clean, [(0.1,) * 3])
    speaking.gradient(clean)
    assert not speaking.without_gradient.any()


def test_a_gradient_that_is_no_number_counts_as_none():
    clean = toys.images(2)
    objective = Objective(toys.classifier(_Root(), "keep", "ab"), clean, [(0.1,) * 3])
    gradient, _ = objective.gradient(clean)
    assert not gradient.any()
    assert objective.without_gradient.all()


class _Mean(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.keep = nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        level = self.keep(x).mean((1, 2, 3))
        return torch.stack([level, -level], dim=1)


class _Silent(_Mean):
    """Its logits do not depend on the image in a way autograd sees."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward((x > 0).float())


class _Root(_Mean):
    """The derivative of the root of zero is infinite; times zero it is not a number."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward((0 * x).sqrt())
