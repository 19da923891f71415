"""Parameters know their control; values are checked against it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from radar_core.errors import BadParameter
from radar_core.params import build, coerce, controls, field_choice, field_flag, field_range


@dataclass(frozen=True)
class Method:
    """A method with one parameter of each kind."""

    steps: int = field_range(10, 1, 100, title="Steps", help="More is slower")
    rate: float = field_range(0.5, 0.0, 1.0, title="Rate", step=0.1, unit="px")
    loss: str = field_choice("ce", ("ce", "dlr"), title="Loss")
    momentum: bool = field_flag(False, title="Momentum")


def test_a_field_carries_its_control():
    known = controls(Method)
    assert list(known) == ["steps", "rate", "loss", "momentum"]
    assert [c.kind for c in known.values()] == ["int", "float", "choice", "flag"]
    assert (known["steps"].low, known["steps"].high, known["steps"].help) == (
        1,
        100,
        "More is slower",
    )
    assert (known["rate"].step, known["rate"].unit, known["rate"].default) == (0.1, "px", 0.5)
    assert known["loss"].options == ("ce", "dlr")


def test_build_coerces_text_and_keeps_defaults():
    made = build(Method, {"steps": "7", "rate": "1", "momentum": "yes"})
    assert made == Method(steps=7, rate=1.0, momentum=True)
    assert isinstance(made.steps, int)
    assert isinstance(made.rate, float)
    assert build(Method, {}) == Method()
    assert build(Method, {"steps": 100, "rate": 0}) == Method(steps=100, rate=0.0)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("steps", "many", "is a number"),
        ("steps", 2.5, "whole number"),
        ("steps", 0, "between 1 and 100"),
        ("steps", 101, "between 1 and 100"),
        ("steps", None, "is a number"),
        ("rate", math.nan, "finite number"),
        ("rate", "inf", "finite number"),
        ("rate", -0.01, "between 0 and 1"),
        ("loss", "CE", "one of ce, dlr"),
        ("momentum", "perhaps", "yes or no"),
    ],
)
def test_a_value_its_control_refuses(name: str, value: object, said: str):
    with pytest.raises(BadParameter, match=said) as caught:
        build(Method, {name: value})
    assert name in str(caught.value)


def test_an_unknown_parameter_lists_the_known():
    with pytest.raises(BadParameter, match="no parameter spets; it has steps, rate, loss"):
        build(Method, {"spets": 1})


@pytest.mark.parametrize("text", ["true", "1", "YES", " True ", True, 1])
def test_yes_in_many_spellings(text: object):
    assert coerce("momentum", controls(Method)["momentum"], text) is True
    assert coerce("momentum", controls(Method)["momentum"], "No") is False


def test_a_number_of_255ths_may_be_written_as_epsilon_is() -> None:
    from radar_core.training.recipe import Recipe

    assert build(Recipe, {"adversarial": "2/255"}) == build(Recipe, {"adversarial": 2})
    with pytest.raises(BadParameter, match="rate is a number"):
        build(Recipe, {"rate": "2/255"})
