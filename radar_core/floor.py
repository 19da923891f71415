"""The noise floor: where a value stands among those that benign changes of the same size have."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Word = Literal["within noise", "unusual", "far outside noise", "not defined"]

LEVEL = 0.05  # a value of a smaller or equal p is called unusual
ENOUGH = 19  # the fewest controls whose smallest p, 1 / (n + 1), reaches LEVEL
SAME = 1e-6  # values this share of the metric's range apart, or less, differ by rounding alone


@dataclass(frozen=True)
class Place:
    """Where a value stands in its noise floor.

    Attributes:
        value: the value of the metric that was placed.
        percentile: how much it departs, among the controls: 50 in their middle, near 100 where it
            departs more than all; None where the value is not finite or no control is.
        word: the percentile in words; "not defined" where there is no percentile, and where there
            are too few controls (below 19) to call anything unusual.
        controls: the number of finite controls, which are those that count.
    """

    value: float
    percentile: float | None
    word: Word
    controls: int


def place(
    value: float,
    controls: Sequence[float],
    direction: Literal["higher", "lower"],
    *,
    span: float = 1.0,
) -> Place:
    """The place of a metric's value among the values that benign controls have.

    A value departs the more, the worse it is: the lower it is where `direction` is "higher" (the
    metric is higher for more alike maps), the higher it is where that is "lower". Among n finite
    controls, percentile = 100 · (less departing + ½ · as much + ½) / (n + 1).

    The word rests on the conformal p-value (1 + number departing at least as much) / (n + 1): were
    the value one more control, it would have p ≤ 0.05 in at most 5 % of cases. "within noise": p >
    0.05. "unusual": p ≤ 0.05, which takes 19 controls. "far outside noise": besides, the value lies
    beyond the control that departs most by more than the whole spread of the controls (largest −
    smallest). Values that differ by no more than a millionth of `span` count as equal, in the
    percentile and in p, so that rounding is never unusual; where all controls are equal, any value
    that departs by more than that is far outside.

    Controls that are not finite are left out: where a benign change leaves a metric undefined, that
    says nothing of how far it departs. Sources: Vovk, Gammerman & Shafer 2005, Algorithmic Learning
    in a Random World; Phipson & Smyth 2010, doi:10.2202/1544-6115.1585, for the added ones.

    Args:
        span: high − low of the metric; for one without bounds, what counts as large in it.
    """
    finite = [c for c in controls if math.isfinite(c)]
    count = len(finite)
    if not finite or not math.isfinite(value):
        return Place(value, None, "not defined", count)
    sign = -1 if direction == "higher" else 1
    beyond = [sign * (value - c) for c in finite]  # by how much the value departs more
    same = SAME * span
    less = sum(b > same for b in beyond)
    tied = sum(abs(b) <= same for b in beyond)
    percentile = 100 * (less + tied / 2 + 0.5) / (count + 1)
    p = (1 + count - less) / (count + 1)
    word: Word
    if count < ENOUGH:
        word = "not defined"
    elif p > LEVEL:
        word = "within noise"
    elif min(beyond) > max(same, max(finite) - min(finite)):
        word = "far outside noise"
    else:
        word = "unusual"
    return Place(value, percentile, word, count)
