"""What every registered measure keeps to; being registered is being tested."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import radar_core as radar
from radar_core.errors import BadParameter, UnknownMethod
from radar_core.localisation import LOCALISATION

each_measure = pytest.mark.parametrize("name", list(LOCALISATION))


def noise(seed: int = 0, side: int = 24) -> torch.Tensor:
    return torch.randn((side, side), generator=torch.Generator().manual_seed(seed))


def square() -> torch.Tensor:
    mask = torch.zeros(24, 24, dtype=torch.bool)
    mask[4:12, 6:18] = True
    return mask


@each_measure
@pytest.mark.parametrize("scale", [1.0, 1e30, 1e-30, -2.0])
def test_measure_keeps_its_bounds_and_strength_does_not_count(name: str, scale: float):
    measure = LOCALISATION[name]
    values = [radar.localise(scale * noise(seed), square(), [name])[name] for seed in range(20)]
    assert all(measure.low <= value <= measure.high for value in values)
    plain = [radar.localise(noise(seed), square(), [name])[name] for seed in range(20)]
    assert values == pytest.approx(plain)


@each_measure
def test_measure_is_highest_inside_and_lowest_outside(name: str):
    measure, inside = LOCALISATION[name], noise() * square()
    assert radar.localise(inside, square(), [name])[name] == measure.high
    assert radar.localise(inside, ~square(), [name])[name] == measure.low
    assert radar.localise(noise(), torch.ones_like(square()), [name])[name] == measure.high


@each_measure
@pytest.mark.parametrize("scale", [1e300, 1e-310])
def test_measure_of_the_largest_and_smallest_floats(name: str, scale: float):
    expected = radar.localise(noise(), square(), [name])[name]
    found = radar.localise(scale * noise().double(), square(), [name])[name]
    assert found == pytest.approx(expected)


@each_measure
def test_measure_at_chance(name: str):
    chance = LOCALISATION.create(name).chance(square())
    assert chance == pytest.approx(96 / 576)
    flat = radar.localise(torch.full((24, 24), -0.7), square(), [name])[name]
    assert flat == pytest.approx(chance), "an even map knows nothing"
    values = [radar.localise(noise(seed), square(), [name])[name] for seed in range(600)]
    assert sum(values) / 600 == pytest.approx(chance, abs=0.04)


@each_measure
def test_measure_is_undefined_where_there_is_nothing_to_measure(name: str):
    def value(map: torch.Tensor, mask: torch.Tensor) -> float:
        return radar.localise(map, mask, [name])[name]

    assert math.isnan(value(torch.zeros(24, 24), square()))
    assert math.isnan(value(noise(), torch.zeros_like(square())))
    for broken in (math.nan, math.inf, -math.inf):
        values = noise()
        values[5, 8] = broken
        assert math.isnan(value(values, square()))


def test_localise_takes_arrays_and_masks_of_numbers():
    expected = radar.localise(noise(), square())
    assert list(expected) == list(LOCALISATION) == ["evidence_share", "pointing_game"]
    given = noise().numpy().astype(np.float16), square().numpy().astype(np.uint8)
    assert radar.localise(*given) == pytest.approx(expected, abs=1e-3)
    assert radar.localise(noise().requires_grad_(), square().float()) == expected
    assert radar.localise(noise(), square(), []) == {}


@pytest.mark.parametrize(
    ("map", "mask", "said"),
    [
        ((24, 24), (24, 20), r"\(24, 24\) and \(24, 20\)"),
        ((1, 24, 24), (1, 24, 24), "one shape"),
        ((0, 24), (0, 24), "one shape"),
    ],
)
def test_localise_refuses_other_shapes(map: tuple[int, ...], mask: tuple[int, ...], said: str):
    with pytest.raises(BadParameter, match=said):
        radar.localise(torch.ones(map), torch.ones(mask, dtype=torch.bool))


@pytest.mark.parametrize("value", [255, 0.5, -1, math.nan])
def test_localise_refuses_a_mask_of_other_values(value: float):
    with pytest.raises(BadParameter, match="threshold"):
        radar.localise(noise(), square() * value)


def test_localise_names_the_nearest_measure():
    with pytest.raises(UnknownMethod, match="did you mean 'pointing_game'"):
        radar.localise(noise(), square(), ["pointing_gam"])
