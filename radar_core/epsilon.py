"""ε, the size of a perturbation, as people write it: `4/255`, `0.0157`, `normalised:0.01`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from radar_core.errors import BadParameter

Norm = Literal["linf", "l2"]
NORM_TITLES: dict[Norm, str] = {"linf": "L∞", "l2": "L2"}
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
NORMALISED, OWN = "normalised:", "own"
HELP = "write it as 4/255, as 0.0157, or as normalised:0.01 (the paper's units)"

# Largest ε that means anything: all of a pixel's range; in normalised units that range over
# ImageNet's smallest std; in L2 more than black to white in every value of a 1,024 px image.
_LIMITS = {"linf": 1.0, "normalised": 4.5, "l2": 2000.0}

GRIDS: dict[str, dict[Norm, tuple[str, ...]]] = {
    "default": {
        "linf": tuple(f"{k:g}/255" for k in (0, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 16)),
        # Boundaries of classifiers at 224 px lie at about 0.2, where L∞ of 4/255 allows 6.
        "l2": ("0", "0.025", "0.05", "0.1", "0.15", "0.2", "0.3", "0.5", "0.75", "1", "2"),
    },
    "paper": dict.fromkeys(
        ("linf", "l2"), tuple(f"{NORMALISED}{k:g}" for k in (0.001, 0.01, 0.05, 0.1, 0.5))
    ),
}
MOST_FRAMES = 256


@dataclass(frozen=True)
class Epsilon:
    """A radius in [0, 1] pixels, or in ImageNet-normalised units where `normalised`.

    `norm` says what it bounds: the largest change of a value (L∞) or the Euclidean length of the
    whole change (L2). An infinite value is no bound: the attack goes as far as it does of itself.
    """

    value: float
    normalised: bool = False
    norm: Norm = "linf"

    @property
    def bounded(self) -> bool:
        """Whether there is a bound at all."""
        return math.isfinite(self.value)

    @property
    def text(self) -> str:
        """As it is written in a link or on a command line; `parse_epsilon` reads it back."""
        if not self.bounded:
            return OWN
        if self.normalised:
            return f"{NORMALISED}{self.value:g}"
        levels = self.value * 255
        if self.norm == "linf" and abs(levels - round(levels, 2)) < 1e-6:
            return f"{round(levels, 6):g}/255"
        return f"{self.value:g}"

    @property
    def label(self) -> str:
        """As a page shows it: in grey levels of 255 where it bounds single pixels."""
        if not self.bounded:
            return "its own distance"
        if self.normalised:
            return f"{self.value:g} normalised"
        return f"{self.value * 255:.3g}/255" if self.norm == "linf" else f"L2 {self.value:g}"

    @property
    def radii(self) -> tuple[float, ...]:
        """The radius of each channel in [0, 1] pixels: ε·std of ImageNet for normalised units.

        The paper's code normalises by ImageNet's values whatever the model was trained on. In L2,
        the ball is the ellipsoid whose half axes these are.
        """
        return tuple(self.value * s if self.normalised else self.value for s in IMAGENET_STD)


def parse_epsilon(given: str | float | Epsilon, norm: Norm = "linf") -> Epsilon:
    """Read an ε.

    Args:
        given: `4/255`, `0.0157`, `normalised:0.01`, or `own` for no bound.
        norm: what the number bounds.

    Raises:
        BadParameter: not a number, negative, or over what can be: 1 in pixels, 4.5 in normalised
            units, 2,000 in L2.
    """
    if isinstance(given, Epsilon):
        return given
    text = str(given).strip().lower()
    if text == OWN:
        return Epsilon(math.inf, norm=norm)
    normalised = text.startswith(NORMALISED)
    try:
        over, slash, under = text.removeprefix(NORMALISED).replace(" ", "").partition("/")
        value = float(over) / float(under if slash else 1)
    except (ValueError, ZeroDivisionError):
        raise BadParameter(f"ε is a number, not {str(given)[:40]!r}; {HELP}") from None
    limit = _LIMITS["normalised" if normalised and norm == "linf" else norm]
    if not math.isfinite(value) or not 0 <= value <= limit:
        raise BadParameter(f"ε lies between 0 and {limit:g}, not {str(given)[:40]}; {HELP}")
    return Epsilon(value, normalised, norm)


def parse_grid(given: str | Sequence[str | float | Epsilon], norm: Norm) -> tuple[Epsilon, ...]:
    """An ε axis, in rising order.

    Args:
        given: `default`, `paper` (the normalised ε of the RADAR-MIX authors), or the values
            themselves, as a sequence or separated by commas.
        norm: what they bound.

    Raises:
        BadParameter: an ε that cannot be, none, too many, `own`, or pixels beside normalised units.
    """
    name = given.strip().lower() if isinstance(given, str) else ""
    values = GRIDS[name][norm] if name in GRIDS else given
    if isinstance(values, str):
        values = [part for part in values.split(",") if part.strip()]
    grid = sorted({parse_epsilon(value, norm) for value in values}, key=lambda eps: eps.value)
    if not 1 <= len(grid) <= MOST_FRAMES:
        raise BadParameter(
            f"an ε grid has 1 to {MOST_FRAMES} values, not {len(grid)}; "
            f"give {', '.join(GRIDS)}, or values such as 0,1/255,2/255"
        )
    if not grid[-1].bounded or len({eps.normalised for eps in grid if eps.value}) > 1:
        raise BadParameter("an ε grid holds numbers of one unit, all in pixels or all normalised")
    return tuple(grid)
