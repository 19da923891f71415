"""What every registered metric keeps to; being registered is being tested."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

import radar_core as radar
from radar_core.metrics import METRICS

PAPER = "paper"

each_metric = pytest.mark.parametrize("name", list(METRICS))
# Metrics kept for comparison with the paper keep its faults; all others are held to more.
each_sound_metric = pytest.mark.parametrize(
    "name", [n for n in METRICS if METRICS[n].role != PAPER]
)


def maps() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(5)
    noise = torch.randn((24, 20), generator=generator)
    bump = torch.zeros(24, 20)
    bump[4:9, 3:8] = torch.rand((5, 5), generator=generator)
    return {
        "signed noise": noise,
        "other noise": torch.randn((24, 20), generator=generator),
        "positive": noise.abs(),
        "mostly zero": bump,
        "patches": (noise * 2).round(),
        "one pixel": torch.zeros(24, 20).index_put(
            (torch.tensor(3), torch.tensor(4)), torch.ones(())
        ),
        "huge": noise * 1e30,
        "tiny": noise * 1e-30,
        "zero": torch.zeros(24, 20),
        "constant": torch.full((24, 20), 0.7),
    }


def best(metric: Any) -> float:
    return float(metric.high if metric.direction == "higher" else metric.low)


@each_metric
@pytest.mark.parametrize("first", maps())
def test_metric_keeps_its_bounds_and_is_symmetric(name: str, first: str):
    for second, other in maps().items():
        value = radar.compare(maps()[first], other, [name])[name]
        back = radar.compare(other, maps()[first], [name])[name]
        assert isinstance(value, float)
        if math.isnan(value):
            assert math.isnan(back) or METRICS[name].role == PAPER
            assert {first, second} & {"zero", "constant"}, "only a map without structure may"
        else:
            assert METRICS[name].low <= value <= METRICS[name].high
            assert back == pytest.approx(value, abs=1e-12) or METRICS[name].role == PAPER


@each_metric
@pytest.mark.parametrize("which", maps())
def test_metric_of_a_map_with_itself_is_the_best(name: str, which: str):
    value = radar.compare(maps()[which], maps()[which], [name])[name]
    assert value == best(METRICS[name])


@each_sound_metric
@pytest.mark.parametrize("flat", ["zero", "constant"])
def test_metric_of_a_map_without_structure_is_not_the_best(name: str, flat: str):
    for other in ("signed noise", "positive", "mostly zero", "one pixel"):
        assert radar.compare(maps()[other], maps()[flat], [name])[name] != best(METRICS[name])


@each_metric
def test_metric_of_a_broken_map_is_undefined(name: str):
    broken = maps()["positive"]
    for value in (math.nan, math.inf):
        broken[3, 3] = value
        assert math.isnan(radar.compare(broken, broken, [name])[name])
        assert math.isnan(radar.compare(maps()["positive"], broken, [name])[name])


@each_metric
def test_metric_prefers_the_nearer_map(name: str):
    first, far = maps()["positive"], maps()["mostly zero"]
    near = first + 0.05 * maps()["other noise"]
    values = [radar.compare(first, second, [name])[name] for second in (near, far)]
    assert (values[0] > values[1]) == (METRICS[name].direction == "higher")


@pytest.mark.parametrize("name", [name for name in METRICS if METRICS[name].chance is not None])
def test_metric_at_chance(name: str):
    generator = torch.Generator().manual_seed(2)
    values = [
        radar.compare(*torch.rand((2, 64, 64), generator=generator), [name])[name]
        for _ in range(20)
    ]
    assert sum(values) / 20 == pytest.approx(METRICS[name].chance, abs=0.01)
