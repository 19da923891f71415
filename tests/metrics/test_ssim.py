"""SSIM re-derived from its paper, and its one scale."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from radar_core.metrics.ssim import Ssim


def by_hand(first: torch.Tensor, second: torch.Tensor) -> float:
    """Wang et al. 2004, eq. 13, mean over the windows that lie within the map."""
    axis = torch.arange(-5, 6, dtype=torch.float64)
    bell = torch.exp(-(axis**2) / (2 * 1.5**2))
    window = torch.outer(bell, bell)[None, None]
    window = window / window.sum()

    def local(values: torch.Tensor) -> torch.Tensor:
        return F.conv2d(values[None, None], window)[0, 0]

    both = torch.stack([first, second])
    scale = both.max() - both.min()
    c1, c2 = (0.01 * scale) ** 2, (0.03 * scale) ** 2
    m1, m2 = local(first), local(second)
    v1, v2 = local(first**2) - m1**2, local(second**2) - m2**2
    cov = local(first * second) - m1 * m2
    above = (2 * m1 * m2 + c1) * (2 * cov + c2)
    below = (m1**2 + m2**2 + c1) * (v1 + v2 + c2)
    return float((above / below).mean())


def maps(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    first, more = torch.randn((2, 40, 30), generator=generator, dtype=torch.float64)
    return first, first + 0.3 * more


@pytest.mark.parametrize("seed", range(3))
def test_equals_the_formula(seed: int):
    first, second = maps(seed)
    assert 0.5 < by_hand(first, second) < 0.99
    assert Ssim()(first, second) == pytest.approx(by_hand(first, second), abs=1e-9)


def test_strength_counts():
    first, _ = maps()
    assert Ssim()(first, 0.2 * first) < 0.6
    assert Ssim()(1e-9 * first, 1e-9 * maps()[1]) == pytest.approx(Ssim()(*maps()), abs=1e-9)


def test_defined_for_constant_maps_and_not_below_the_window():
    first, _ = maps()
    flat = torch.zeros_like(first)
    assert Ssim()(flat, flat) == 1
    assert abs(Ssim()(first, flat)) < 0.05
    assert math.isnan(Ssim()(first[:10], flat[:10]))
