"""The shift of the centre of mass, where it is known."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.ndimage import center_of_mass

from radar_core.metrics.centre_shift import CentreShift, centre_of_mass


def spot(row: int, column: int, value: float = 1.0) -> torch.Tensor:
    values = torch.zeros(13, 6, dtype=torch.float64)
    values[row, column] = value
    return values


def test_between_corners_is_the_whole_diagonal():
    assert CentreShift()(spot(0, 0), spot(12, 5)) == pytest.approx(1)


def test_is_a_distance_in_pixels_over_the_diagonal():
    assert CentreShift()(spot(2, 1), spot(5, 5, -7.0)) == pytest.approx(5 / 13)


@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e300])
def test_centre_equals_scipy_of_the_magnitude(scale: float):
    values = scale * torch.randn(
        (13, 6), generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    expected = center_of_mass((values / scale).abs().numpy())
    assert centre_of_mass(values).tolist() == pytest.approx(expected)


def test_maps_without_mass():
    nothing = torch.zeros(13, 6, dtype=torch.float64)
    assert math.isnan(CentreShift()(nothing, spot(1, 1)))
    assert CentreShift()(nothing, nothing) == 0
    assert CentreShift()(torch.ones_like(nothing), 5 * torch.ones_like(nothing)) == 0
