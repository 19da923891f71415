"""The overlap that the RADAR-MIX paper reports."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float64
from torch import Tensor

from radar_core.metrics import METRICS, Role


@METRICS.register("paper_iou")
@dataclass(frozen=True)
class PaperIou:
    """IoU of the pixels above zero in either map, as the RADAR-MIX code has it; for comparison.

    Between 0 and 1. Its fault: how strong a pixel is does not count. Two maps that are positive
    nearly everywhere score near 1 whatever they show, so that two independent maps with a share p
    of positive pixels score p / (2 − p) and chance is no one number; top-k overlap counts the same
    number of pixels in both instead. Not defined for two unlike maps of which neither has a pixel
    above zero. Source: de Aguiar et al. 2024 and its public code.
    """

    title: ClassVar[str] = "IoU as in the paper"
    source: ClassVar[str] = "de Aguiar et al. 2024, doi:10.1109/CBMS61543.2024.00078"
    unit: ClassVar[str] = ""
    direction: ClassVar[Literal["higher", "lower"]] = "higher"
    low: ClassVar[float] = 0.0
    high: ClassVar[float] = 1.0
    chance: ClassVar[float | None] = None
    order: ClassVar[int] = 80
    role: ClassVar[Role] = "paper"

    def __call__(self, first: Float64[Tensor, "h w"], second: Float64[Tensor, "h w"]) -> float:
        """See `Metric.__call__`."""
        if torch.equal(first, second):
            return 1.0
        one, other = first > 0, second > 0
        union = int((one | other).sum())
        return int((one & other).sum()) / union if union else math.nan
