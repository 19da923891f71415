"""The place of a value in its noise floor, counted by hand."""

from __future__ import annotations

import math
import random

import pytest

from radar_core.floor import Place, place

TWENTY = [0.80 + 0.01 * i for i in range(20)]  # 0.80 to 0.99, a spread of 0.19


def test_departs_more_than_all():
    found = place(0.31, TWENTY, "higher")
    assert found == Place(0.31, pytest.approx(100 * 20.5 / 21), "far outside noise", 20)


def test_departs_less_than_all():
    found = place(1.0, TWENTY, "higher")
    assert found == Place(1.0, pytest.approx(100 * 0.5 / 21), "within noise", 20)


def test_far_takes_more_than_the_whole_spread():
    assert place(0.79, TWENTY, "higher").word == "unusual"
    assert place(0.80 - 0.189, TWENTY, "higher").word == "unusual"
    assert place(0.80 - 0.191, TWENTY, "higher").word == "far outside noise"


def test_lower_is_the_same_seen_from_the_other_end():
    for value in (0.31, 0.79, 0.80, 0.895, 0.99, 1.0):
        turned = place(1 - value, [1 - c for c in TWENTY], "lower")
        found = place(value, TWENTY, "higher")
        assert (turned.word, turned.percentile) == (found.word, pytest.approx(found.percentile))


def test_ties_count_half_in_the_percentile_and_whole_in_p():
    controls = [0.5] * 5 + [0.9] * 15
    found = place(0.5, controls, "higher")
    assert found.percentile == pytest.approx(100 * (15 + 2.5 + 0.5) / 21)
    assert found.word == "within noise"
    assert place(0.9, controls, "higher").percentile == pytest.approx(100 * (7.5 + 0.5) / 21)
    # Tied with the one that departs most: p = 2 / 21.
    assert place(TWENTY[0], TWENTY, "higher").word == "within noise"


@pytest.mark.parametrize(
    ("controls", "departing", "word"),
    [
        (19, 0, "unusual"),  # p = 1/20
        (19, 1, "within noise"),
        (38, 1, "within noise"),  # p = 2/39
        (39, 1, "unusual"),  # p = 2/40
        (39, 2, "within noise"),
    ],
)
def test_p_is_conformal(controls: int, departing: int, word: str):
    values = [0.4] * departing + [0.6] * (controls - departing)
    assert place(0.5, [*values[:-1], 0.9], "higher").word == word


def test_too_few_controls_have_a_percentile_and_no_word():
    for count in (1, 18):
        found = place(0.1, [0.9] * count, "higher")
        assert found.word == "not defined"
        assert found.percentile == pytest.approx(100 * (count + 0.5) / (count + 1))
        assert found.controls == count
    assert place(0.1, [0.9] * 19, "higher").word == "far outside noise"


def test_what_is_not_finite_does_not_count():
    found = place(0.31, [math.nan, *TWENTY, math.inf, -math.inf], "higher")
    assert found == place(0.31, TWENTY, "higher")
    for value in (math.nan, math.inf):
        nowhere = place(value, TWENTY, "higher")
        assert (nowhere.percentile, nowhere.word, nowhere.controls) == (None, "not defined", 20)
    for nothing in ([], [math.nan]):
        assert place(0.5, nothing, "higher") == Place(0.5, None, "not defined", 0)


def test_rounding_is_never_unusual():
    same = [1.0] * 20
    assert place(1.0, same, "higher") == Place(1.0, 50, "within noise", 20)
    assert place(1 - 1e-9, same, "higher") == Place(1 - 1e-9, 50, "within noise", 20)
    assert place(1 - 1e-5, same, "higher").word == "far outside noise"
    assert place(1 - 1e-5, same, "higher", span=100).word == "within noise"
    assert place(2e-9, [1e-9] * 20, "lower").word == "within noise"
    nearly = [1 - 1e-12 * i for i in range(20)]
    assert place(1 - 1e-9, nearly, "higher").word == "within noise"


def test_one_more_control_is_unusual_in_at_most_five_percent():
    draw = random.Random(3)
    runs = 4000
    words = [
        place(draw.random(), [draw.random() for _ in range(39)], "higher").word for _ in range(runs)
    ]
    unusual = sum(word != "within noise" for word in words) / runs
    assert unusual == pytest.approx(0.05, abs=0.011)  # 3 standard errors
