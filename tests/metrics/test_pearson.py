"""Pearson's correlation beside scipy."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import pearsonr

from radar_core.metrics.pearson import Pearson


def maps(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    first, more = torch.randn((2, 30, 20), generator=generator, dtype=torch.float64)
    return first, first + more


@pytest.mark.parametrize("scale", [1.0, 1e30, 1e-30])
@pytest.mark.parametrize("seed", range(3))
def test_equals_scipy(seed: int, scale: float):
    first, second = maps(seed)
    first = scale * first
    expected = pearsonr(first.flatten().numpy(), second.flatten().numpy()).statistic
    assert 0.5 < expected < 0.9
    assert Pearson()(first, second) == pytest.approx(expected, abs=1e-12)
    assert Pearson()(scale * second, first) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("scale", [1e300, 1e-310])
def test_the_largest_and_the_smallest_floats_have_a_value(scale: float):
    first, second = maps()
    expected = Pearson()(first, second)
    assert Pearson()(scale * first, scale * second) == pytest.approx(expected, abs=1e-9)


def test_a_straight_line_is_all_that_counts():
    first, _ = maps()
    assert Pearson()(first, 3 * first - 7) == pytest.approx(1)
    assert Pearson()(first, 2 - first) == pytest.approx(-1)


@pytest.mark.parametrize("value", [0.0, 0.7, 0.1])
def test_constant_maps(value: float):
    first, _ = maps()
    flat = torch.full_like(first, value)  # the mean of 600 times 0.1 is not 0.1
    assert math.isnan(Pearson()(first, flat))
    assert math.isnan(Pearson()(flat, first))
    assert math.isnan(Pearson()(flat, flat + 1))
    assert Pearson()(flat, flat) == 1


def test_a_map_of_one_pixel():
    one = torch.ones(1, 1, dtype=torch.float64)
    assert Pearson()(one, one) == 1
    assert math.isnan(Pearson()(one, 2 * one))
