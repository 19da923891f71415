"""The cosine beside scipy, and what it counts that Pearson's correlation does not."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.spatial.distance import cosine

from radar_core.metrics.cosine import Cosine


def maps(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    first, more = torch.randn((2, 30, 20), generator=generator, dtype=torch.float64)
    return first, first + more


@pytest.mark.parametrize("scale", [1.0, 1e30, 1e-30])
@pytest.mark.parametrize("seed", range(3))
def test_equals_scipy(seed: int, scale: float):
    first, second = maps(seed)
    first = scale * first
    expected = 1 - cosine(first.flatten().numpy(), second.flatten().numpy())
    assert 0.5 < expected < 0.9
    assert Cosine()(first, second) == pytest.approx(expected, abs=1e-12)
    assert Cosine()(scale * second, first) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("scale", [1e300, 1e-310])
def test_the_largest_and_the_smallest_floats_have_a_value(scale: float):
    first, second = maps()
    expected = Cosine()(first, second)
    assert Cosine()(scale * first, scale * second) == pytest.approx(expected, abs=1e-9)


def test_strength_does_not_count_and_zero_stays_zero():
    first, _ = maps()
    assert Cosine()(first, 5 * first) == pytest.approx(1)
    assert Cosine()(first, -first) == pytest.approx(-1)
    assert Cosine()(first, first + 3) < 0.5


def test_chance_is_zero_for_signed_maps_and_is_not_for_positive_ones():
    signed = torch.randn((2, 200, 200), generator=torch.Generator().manual_seed(1))
    positive = torch.rand((2, 200, 200), generator=torch.Generator().manual_seed(1))
    assert Cosine()(*signed.double()) == pytest.approx(0, abs=0.02)
    assert Cosine()(*positive.double()) == pytest.approx(0.75, abs=0.02)


def test_maps_without_a_direction():
    first, _ = maps()
    nothing = torch.zeros_like(first)
    assert math.isnan(Cosine()(first, nothing))
    assert math.isnan(Cosine()(nothing, first))
    assert Cosine()(nothing, nothing) == 1
    assert Cosine()(nothing + 0.3, nothing + 0.6) == pytest.approx(1)
