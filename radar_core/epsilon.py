"""ε, the size of a perturbation, as people write it: `4/255`, `0.0157`, `normalised:0.01`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from radar_core.errors import BadParameter

IMAGENET_STD = (0.229, 0.224, 0.225)
NORMALISED = "normalised:"
HELP = "write it as 4/255, as 0.0157, or as normalised:0.01 (the paper's units)"


@dataclass(frozen=True)
class Epsilon:
    """A radius. `value` is in [0, 1] pixels, or in ImageNet-normalised units where `normalised`."""

    value: float
    normalised: bool = False

    @property
    def text(self) -> str:
        """As it is written in a link or on a command line; `parse_epsilon` reads it back."""
        if self.normalised:
            return f"{NORMALISED}{self.value:g}"
        levels = self.value * 255
        return (
            f"{round(levels, 6):g}/255"
            if abs(levels - round(levels, 2)) < 1e-6
            else f"{self.value:g}"
        )

    @property
    def label(self) -> str:
        """As a page shows it: always with grey levels of 255."""
        if self.normalised:
            return f"{self.value:g} normalised"
        return f"{self.value * 255:.3g}/255"

    @property
    def radii(self) -> tuple[float, ...]:
        """The radius of each channel in [0, 1] pixels: ε·std of ImageNet for normalised units.

        The paper's code normalises by ImageNet's values whatever the model was trained on.
        """
        return tuple(self.value * s if self.normalised else self.value for s in IMAGENET_STD)


def parse_epsilon(given: str | float | Epsilon) -> Epsilon:
    """Read an ε.

    Raises:
        BadParameter: not a number, negative, or over 1 in pixels (4.5 in normalised units).
    """
    if isinstance(given, Epsilon):
        return given
    text = str(given).strip().lower()
    normalised = text.startswith(NORMALISED)
    try:
        over, slash, under = text.removeprefix(NORMALISED).replace(" ", "").partition("/")
        value = float(over) / float(under if slash else 1)
    except (ValueError, ZeroDivisionError):
        raise BadParameter(f"ε is a number, not {str(given)[:40]!r}; {HELP}") from None
    limit = (
        4.5 if normalised else 1.0
    )  # 4.5: about one whole pixel range over ImageNet's smallest std
    if not math.isfinite(value) or not 0 <= value <= limit:
        raise BadParameter(f"ε lies between 0 and {limit:g}, not {str(given)[:40]}; {HELP}")
    return Epsilon(value, normalised)
