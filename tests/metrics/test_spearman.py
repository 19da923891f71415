"""Spearman's correlation beside scipy."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import spearmanr

from radar_core.metrics.spearman import Spearman


@pytest.mark.parametrize("digits", [8, 0])
def test_equals_scipy_with_and_without_ties(digits: int):
    generator = torch.Generator().manual_seed(0)
    first, more = torch.randn((2, 30, 20), generator=generator, dtype=torch.float64)
    first, second = first.round(decimals=digits), (first + more).round(decimals=digits)
    expected = spearmanr(first.flatten(), second.flatten()).statistic
    assert Spearman()(first, second) == pytest.approx(expected, abs=1e-12)


def test_only_the_order_counts_and_its_reverse_is_minus_one():
    values = torch.linspace(-2, 3, 600, dtype=torch.float64).view(30, 20)
    assert Spearman()(values, values.exp()) == pytest.approx(1)
    assert Spearman()(values, -values) == pytest.approx(-1)


def test_constant_maps():
    values = torch.linspace(-2, 3, 600, dtype=torch.float64).view(30, 20)
    flat = torch.full_like(values, 0.3)
    assert math.isnan(Spearman()(values, flat))
    assert Spearman()(flat, flat) == 1
