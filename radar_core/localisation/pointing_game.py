"""Whether the strongest pixel lies in a mask."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Bool, Float64
from torch import Tensor

from radar_core.localisation import LOCALISATION, area, undefined


@LOCALISATION.register("pointing_game")
@dataclass(frozen=True)
class PointingGame:
    """Hit, 1, or miss, 0: whether the pixel of largest |attribution| lies in the mask.

    Pixels tied for the largest share the hit equally, so that no pixel order decides and a constant
    map scores chance: the mask's share of the image, which is also how often a random pixel hits.
    No margin around the mask counts as a hit; the source allows 15 px. Not defined for an all-zero
    map or an empty mask. Source: Zhang et al. 2018, section 4.2.
    """

    title: ClassVar[str] = "Pointing game"
    source: ClassVar[str] = "Zhang et al. 2018, doi:10.1007/s11263-017-1059-x"
    unit: ClassVar[str] = ""
    low: ClassVar[float] = 0.0
    high: ClassVar[float] = 1.0
    order: ClassVar[int] = 20

    def chance(self, mask: Bool[Tensor, "h w"]) -> float:
        """See `Measure.chance`: the mask's share of the image."""
        return area(mask)

    def __call__(self, values: Float64[Tensor, "h w"], mask: Bool[Tensor, "h w"]) -> float:
        """See `Measure.__call__`."""
        if undefined(values, mask):
            return math.nan
        magnitude = values.abs()
        return area(mask[magnitude == magnitude.max()])
