"""Overlap of the strongest pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float64
from torch import Tensor

from radar_core.metrics import METRICS, Role
from radar_core.params import field_range


@METRICS.register("topk_overlap")
@dataclass(frozen=True)
class TopkOverlap:
    """Share of focus kept: IoU of the pixels with the largest |attribution| (top 10 %).

    Magnitudes, because evidence against the class is attribution too. Pixels tied at the threshold
    share the places that are left equally, so that Σ min / Σ max of the two memberships is the IoU
    wherever nothing is tied, no pixel order decides, and a constant map scores exactly chance
    against any other. Source: Ghorbani et al. 2019, top-k intersection.
    """

    title: ClassVar[str] = "Top-k overlap"
    source: ClassVar[str] = "Ghorbani et al. 2019, arXiv:1710.10547"
    unit: ClassVar[str] = ""
    direction: ClassVar[Literal["higher", "lower"]] = "higher"
    low: ClassVar[float] = 0.0
    high: ClassVar[float] = 1.0
    chance: ClassVar[float | None] = 0.1 / 1.9
    order: ClassVar[int] = 10
    role: ClassVar[Role] = "headline"

    share: float = field_range(0.10, 0.01, 0.5, step=0.01, title="Share of pixels counted as focus")

    def __call__(self, first: Float64[Tensor, "h w"], second: Float64[Tensor, "h w"]) -> float:
        """See `Metric.__call__`; always defined."""
        one, other = membership(first, self.share), membership(second, self.share)
        return float(torch.minimum(one, other).sum() / torch.maximum(one, other).sum())


def membership(values: Float64[Tensor, "*shape"], share: float) -> Float64[Tensor, "*shape"]:
    """How far each value belongs to the `share` of largest magnitudes: 1, 0, or a part if tied."""
    magnitude = values.abs()
    wanted = max(1, round(share * magnitude.numel()))
    threshold = magnitude.flatten().topk(wanted).values[-1]
    above, tied = magnitude > threshold, magnitude == threshold
    return above.double() + tied.double() * (wanted - above.sum()).double() / tied.sum()
