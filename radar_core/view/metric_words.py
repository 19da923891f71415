"""Metrics and values of maps as people read them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radar_core.epsilon import parse_epsilon

if TYPE_CHECKING:
    from radar_core.case import CaseSpec

UNDEFINED = "not defined"
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
ROLES = ("headline", "further", "paper")


def short(title: str) -> str:
    """A method's title without what it adds in brackets."""
    return title.partition(" (")[0]


def metric_text(value: float, unit: str) -> str:
    """A metric for people; a share of something as a percentage."""
    if not math.isfinite(value):
        return UNDEFINED
    text = f"{value:.1%}".replace("%", " %") if unit.startswith("of ") else f"{value:.2f}"
    return text.replace("-", "−")


def same_map(metric: Any) -> str:
    """What a metric gives for two equal maps, from its own bounds and direction."""
    best = metric.high if metric.direction == "higher" else metric.low
    bounds = f"between {metric.low:g} and {metric.high:g}"
    if not math.isfinite(metric.high):
        bounds = f"from {metric.low:g}" if math.isfinite(metric.low) else "without bounds"
    return f"{best:g} for equal maps, {bounds}".replace("-", "−")


def by_role() -> list[tuple[str, Any]]:
    """Every metric with its id: those up front first, those kept for comparison last."""
    from radar_core.metrics import METRICS

    methods: list[tuple[str, Any]] = [(id, METRICS[id]) for id in METRICS]
    return sorted(methods, key=lambda each: ROLES.index(each[1].role))


def raw_range(values: NDArray[np.float32]) -> str:
    """The smallest and the largest value of a map, as it was computed: −0.012 … 0.034.

    Two significant digits; where all are tiny or huge, with one power of ten for both.
    """
    values = np.nan_to_num(values).astype(np.float64)
    ends = float(values.min()), float(values.max())
    largest = max(map(abs, ends))
    if largest and not 1e-3 <= largest < 1e5:
        power = math.floor(math.log10(largest))
        first, second = (f"{end / 10.0**power:.1f}" if end else "0" for end in ends)
        text = f"{first} … {second} ×10{str(power).translate(RAISED)}"
    else:
        text = " … ".join(map(_two_digits, ends))
    return text.replace("-", "−")


def _two_digits(value: float) -> str:
    size = abs(value)
    if not size:
        return "0"
    if size < 1e-3:
        mantissa, _, exponent = f"{value:.0e}".partition("e")
        return f"{mantissa}e{int(exponent)}"
    return f"{value:.0f}" if size >= 9.95 else f"{value:#.2g}"


def epsilon_label(spec: CaseSpec) -> str:
    """The ε of a case as the slider says it; "" where the attack has no ε to move along."""
    from radar_core.attacks import ATTACKS

    attack = ATTACKS[spec.attack]
    eps = parse_epsilon(spec.eps, dict(spec.attack_parameters).get("norm", attack.norm))
    return eps.label if attack.placing != "own" and eps.bounded else ""
