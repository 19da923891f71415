"""ε as people write it: read, shown, and refused in one sentence."""

from __future__ import annotations

import math

import pytest

from radar_core.epsilon import Epsilon, parse_epsilon, parse_grid
from radar_core.errors import BadParameter


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("4/255", 4 / 255),
        (" 4 / 255 ", 4 / 255),
        ("0.0157", 0.0157),
        ("1e-3", 0.001),
        ("0", 0.0),
        ("1", 1.0),
        (0.5, 0.5),
        (8 / 255, 8 / 255),
        ("0.5/255", 0.5 / 255),
    ],
)
def test_reads_pixels(given: str | float, value: float):
    epsilon = parse_epsilon(given)
    assert epsilon.value == pytest.approx(value, abs=1e-12)
    assert not epsilon.normalised
    assert parse_epsilon(epsilon) is epsilon


def test_normalised_units_are_scaled_by_imagenets_std():
    epsilon = parse_epsilon("normalised:0.01")
    assert epsilon == Epsilon(0.01, normalised=True)
    assert epsilon.radii == pytest.approx([0.00229, 0.00224, 0.00225])
    assert parse_epsilon("4/255").radii == pytest.approx([4 / 255] * 3)
    assert parse_epsilon("Normalised: 4.5").value == 4.5


@pytest.mark.parametrize(
    "given",
    [
        "abc",
        "",
        "-1",
        "5",
        "4/0",
        "nan",
        "inf",
        "-0.0001",
        "1.01",
        "256/255",
        "normalised:",
        "normalised:5",
        "normalised:-1",
        "4/255/2",
        "1" * 5000,
        "1e999999999",  # exact arithmetic would never come back from it
        math.nan,
        math.inf,
    ],
)
def test_refuses_what_is_no_radius(given: str | float):
    with pytest.raises(BadParameter) as caught:
        parse_epsilon(given)
    sentence = str(caught.value)
    assert "ε" in sentence and "write it as 4/255" in sentence
    assert len(sentence) < 200


@pytest.mark.parametrize(
    "given", ["4/255", "0.5/255", "0.0157", "0.3", "normalised:0.01", "0", "1"]
)
def test_what_is_written_is_read_back(given: str):
    epsilon = parse_epsilon(given)
    again = parse_epsilon(epsilon.text)
    assert again.value == pytest.approx(epsilon.value, abs=1e-8)
    assert again.normalised == epsilon.normalised
    assert again.text == epsilon.text


def test_is_shown_in_grey_levels():
    assert parse_epsilon("4/255").label == "4/255"
    assert parse_epsilon("0.0157").label == "4/255"
    assert parse_epsilon("0.5/255").label == "0.5/255"
    assert parse_epsilon("normalised:0.01").label == "0.01 normalised"


def test_norms_bound_different_things():
    l2 = parse_epsilon("2.5", "l2")
    assert (l2.value, l2.norm, l2.text, l2.label) == (2.5, "l2", "2.5", "L2 2.5")
    assert parse_epsilon(l2.text, "l2") == l2
    with pytest.raises(BadParameter, match="between 0 and 1"):
        parse_epsilon("2.5")
    with pytest.raises(BadParameter, match="between 0 and 2000"):
        parse_epsilon("1e4", "l2")


def test_own_is_no_bound():
    own = parse_epsilon("own")
    assert not own.bounded
    assert own.text == "own"
    assert parse_epsilon(own.text) == own
    assert "distance" in own.label


def test_the_default_grid_is_in_half_grey_levels():
    grid = parse_grid("default", "linf")
    levels = [eps.value * 255 for eps in grid]
    assert levels == pytest.approx([0, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 16])
    assert parse_grid("default", "l2")[0].value == 0


def test_the_papers_grid_is_in_its_units():
    grid = parse_grid("paper", "linf")
    assert [eps.text for eps in grid] == [
        f"normalised:{k}" for k in ("0.001", "0.01", "0.05", "0.1", "0.5")
    ]
    # 0.06 to 29 grey levels, as measured on the authors' code
    assert grid[0].radii[0] * 255 == pytest.approx(0.058, abs=0.001)
    assert grid[-1].radii[0] * 255 == pytest.approx(29.2, abs=0.1)


def test_a_grid_is_in_rising_order_and_holds_each_once():
    grid = parse_grid("4/255, 0, 2/255, 4/255", "linf")
    assert [eps.text for eps in grid] == ["0/255", "2/255", "4/255"]
    assert parse_grid([0.5, Epsilon(0.25)], "linf")[0].value == 0.25


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("", "1 to 256 values, not 0"),
        ([], "1 to 256 values, not 0"),
        ([i / 300 for i in range(300)], "not 300"),
        ("own", "one unit"),
        ("4/255,normalised:0.01", "one unit"),
        ("4/255,abc", "ε is a number, not 'abc'"),
        ("4/255,2", "between 0 and 1"),
    ],
)
def test_a_grid_that_cannot_be(given: object, says: str):
    with pytest.raises(BadParameter, match=says):
        parse_grid(given, "linf")  # type: ignore[arg-type]
