"""The pointing game where the largest pixel is known, and with ties."""

from __future__ import annotations

import pytest
import torch

from radar_core.localisation.pointing_game import PointingGame

MASK = torch.tensor([[True, True, False], [False, False, False]])


@pytest.mark.parametrize(("pixel", "hit"), [((0, 0), 1.0), ((0, 1), 1.0), ((1, 2), 0.0)])
@pytest.mark.parametrize("value", [5.0, -5.0])
def test_the_largest_magnitude_decides(pixel: tuple[int, int], hit: float, value: float):
    values = torch.linspace(-1, 1, 6, dtype=torch.float64).view(2, 3)
    values[pixel] = value
    assert PointingGame()(values, MASK) == hit


def test_ties_share_the_hit():
    values = torch.tensor([[2.0, 1.0, -2.0], [0.0, 2.0, 0.0]], dtype=torch.float64)
    assert PointingGame()(values, MASK) == pytest.approx(1 / 3)
    assert PointingGame()(torch.ones_like(values), MASK) == pytest.approx(2 / 6)
