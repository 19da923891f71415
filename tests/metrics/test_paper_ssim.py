"""The paper's SSIM beside scikit-image, and its faults."""

from __future__ import annotations

import math

import pytest
import torch
from skimage.metrics import structural_similarity

from radar_core.metrics.paper_ssim import PaperSsim
from radar_core.metrics.pearson import Pearson
from radar_core.metrics.ssim import Ssim


def maps(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    first, more = torch.randn((2, 40, 30), generator=generator, dtype=torch.float64)
    return first, first + 0.3 * more


@pytest.mark.parametrize("scale", [1.0, 1e30, 1e-30])
@pytest.mark.parametrize("seed", range(3))
def test_equals_scikit_image_on_the_first_range(seed: int, scale: float):
    first, second = (scale * values for values in maps(seed))
    expected = structural_similarity(
        first.numpy(),
        second.numpy(),
        win_size=5,
        data_range=float(first.max() - first.min()),
    )
    assert 0.5 < expected < 0.99
    assert PaperSsim()(first, second) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("scale", [1e300, 1e-310])
def test_the_largest_and_the_smallest_floats_have_a_value(scale: float):
    first, second = maps()
    expected = PaperSsim()(first, second)
    assert PaperSsim()(scale * first, scale * second) == pytest.approx(expected, abs=1e-9)


def test_which_map_comes_first_counts():
    first, second = maps()[0], 3 * maps()[1]
    assert abs(PaperSsim()(first, second) - PaperSsim()(second, first)) > 0.01
    assert Ssim()(first, second) == pytest.approx(Ssim()(second, first), abs=1e-12)


def test_two_independent_maps_of_a_few_spots_score_high():
    first, second = torch.zeros(2, 80, 80, dtype=torch.float64)
    first[10:16, 10:16], second[60:66, 50:56] = 1, 1
    assert abs(Pearson()(first, second)) < 0.05
    assert PaperSsim()(first, second) > 0.9


def test_constant_and_small_maps():
    first, _ = maps()
    flat = torch.full_like(first, 0.7)
    assert PaperSsim()(flat, flat) == 1
    assert math.isnan(PaperSsim()(flat, first))
    assert math.isnan(PaperSsim()(flat, 2 * flat))
    assert abs(PaperSsim()(first, flat)) < 0.3
    assert math.isnan(PaperSsim()(first[:4], flat[:4]))
    assert PaperSsim()(first[:4], first[:4]) == 1
    assert math.isfinite(PaperSsim()(first[:5], flat[:5]))


def test_a_range_that_is_nothing_beside_the_other_map_keeps_the_bounds():
    first, second = maps()
    for size in (1e-30, 1e-150, 1e-300):
        value = PaperSsim()(size * first, second.round().clamp(min=1))
        assert math.isnan(value) or -1 <= value <= 1
