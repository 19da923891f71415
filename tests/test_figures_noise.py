"""The strip chart of the noise floor, by its traces."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest

from radar_core.figures_noise import HALF, NoiseRow, noise_strip, scatter

COLOURS = ("#0072B2", "#D55E00", "#009E73")
OVERLAP = NoiseRow(
    "Top-k overlap", [0.8 + 0.01 * i for i in range(20)], 0.3, 0.95, 0.0, 1.0, "higher"
)
RANKS = NoiseRow("Spearman", [0.5, math.nan, 0.7], -0.5, 0.9, -1.0, 1.0, "higher")
SHIFT = NoiseRow("Shift", [0.1, 0.2], 0.6, 0.0, 0.0, 1.0, "lower")
ROWS = (OVERLAP, RANKS, SHIFT)


def test_rows_share_an_axis_from_the_worst_to_equal_maps():
    controls, attack, repeat = noise_strip(ROWS, COLOURS).data
    assert attack.x == pytest.approx([0.3, 0.25, 0.4])
    assert repeat.x == pytest.approx([0.95, 0.95, 1.0])
    assert controls.x == pytest.approx([*OVERLAP.controls, 0.75, 0.85, 0.9, 0.8])
    for row in ROWS:
        worst, best = (row.low, row.high) if row.direction == "higher" else (row.high, row.low)
        assert (row.likeness(worst), row.likeness(best)) == (0, 1)


def test_hover_has_the_raw_value_and_the_metric():
    _, attack, _ = noise_strip(ROWS, COLOURS).data
    assert list(attack.customdata) == [0.3, -0.5, 0.6]
    assert list(attack.text) == ["Top-k overlap", "Spearman", "Shift"]
    assert "%{text}" in attack.hovertemplate
    assert "%{customdata" in attack.hovertemplate


def test_rows_stand_from_the_top_under_their_titles():
    figure = noise_strip(ROWS, COLOURS)
    assert figure.layout.yaxis.tickvals == (0, 1, 2)
    assert figure.layout.yaxis.ticktext == ("Top-k overlap", "Spearman", "Shift")
    low, high = figure.layout.yaxis.range
    assert low > high, "the first row is on top"
    assert list(figure.data[1].y) == [0, 1, 2]


def test_dots_lie_beside_their_row_and_in_the_same_place_every_time():
    first, again = (noise_strip(ROWS, COLOURS).data[0] for _ in range(2))
    assert first.y == again.y
    rows = [0] * 20 + [1] * 2 + [2] * 2
    away = [y - row for y, row in zip(first.y, rows, strict=True)]
    assert all(abs(value) <= HALF for value in away)
    assert len(set(first.y)) == 24
    spread = sorted(scatter(i) for i in range(20))
    assert max(b - a for a, b in pairwise(spread)) < 2 * HALF / 8, "no clumps"


def test_marks_differ_by_form_and_by_colour():
    controls, attack, repeat = noise_strip(ROWS, COLOURS).data
    assert (attack.marker.symbol, attack.marker.color) == ("diamond", COLOURS[1])
    assert (repeat.marker.symbol, repeat.marker.color) == ("circle-open", COLOURS[0])
    assert controls.marker.color not in COLOURS
    assert controls.marker.size < attack.marker.size


def test_what_is_not_finite_is_left_out():
    figure = noise_strip((replace(OVERLAP, value=math.nan, repeat=math.nan), RANKS), COLOURS)
    controls, attack, repeat = figure.data
    assert len(controls.x) == 22
    assert list(attack.y) == list(repeat.y) == [1]


def test_without_a_second_run_there_is_no_mark_for_it():
    figure = noise_strip([replace(row, repeat=None) for row in ROWS], COLOURS)
    assert [trace.name for trace in figure.data] == ["Benign control", "Attack"]
    (only,) = noise_strip([replace(OVERLAP, repeat=None, controls=())], COLOURS).data
    assert only.name == "Attack"
    assert noise_strip((), COLOURS).data == ()


def test_height_grows_with_the_rows_and_the_legend_is_on_top():
    few, many = noise_strip(ROWS[:1], COLOURS), noise_strip(ROWS, COLOURS)
    assert many.layout.height > few.layout.height
    assert many.layout.showlegend
    assert many.layout.legend.y > 1
