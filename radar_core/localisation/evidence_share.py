"""How much of the attribution lies in a mask."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Bool, Float64
from torch import Tensor

from radar_core.localisation import LOCALISATION, area, undefined


@LOCALISATION.register("evidence_share")
@dataclass(frozen=True)
class EvidenceShare:
    """Share of |attribution| inside the mask: Σ |a| over the mask / Σ |a| over the image.

    Between 0 and 1; an even map has the mask's share of the image, and so has a random one on
    average. Magnitudes, because evidence against the class is attribution too. Not defined for an
    all-zero map or an empty mask. Source: Arras et al. 2022, relevance mass accuracy, there of the
    positive part.
    """

    title: ClassVar[str] = "Evidence share"
    source: ClassVar[str] = "Arras et al. 2022, doi:10.1016/j.inffus.2021.11.008"
    unit: ClassVar[str] = "of the attribution"
    low: ClassVar[float] = 0.0
    high: ClassVar[float] = 1.0
    order: ClassVar[int] = 10

    def chance(self, mask: Bool[Tensor, "h w"]) -> float:
        """See `Measure.chance`: the mask's share of the image."""
        return area(mask)

    def __call__(self, values: Float64[Tensor, "h w"], mask: Bool[Tensor, "h w"]) -> float:
        """See `Measure.__call__`."""
        if undefined(values, mask):
            return math.nan
        # Scaled first: the sum of the largest floats is infinite, the smallest lose their digits.
        weight = values.abs() / values.abs().max()
        inside, outside = weight[mask].sum(), weight[~mask].sum()
        return float(inside / (inside + outside))
