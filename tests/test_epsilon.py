"""ε as people write it: read, shown, and refused in one sentence."""

from __future__ import annotations

import math

import pytest

from radar_core.epsilon import Epsilon, parse_epsilon
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
