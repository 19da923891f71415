"""Rank correlation of two maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float64
from scipy.stats import rankdata
from torch import Tensor

from radar_core.metrics import METRICS, Role


@METRICS.register("spearman")
@dataclass(frozen=True)
class Spearman:
    """Whether the two maps put the pixels in the same order: Pearson correlation of their ranks.

    Signed values are ranked as they are; ties get their average rank. Not defined when one map is
    constant and the other is not. Source: Adebayo et al. 2018, section 4.
    """

    title: ClassVar[str] = "Spearman rank correlation"
    source: ClassVar[str] = "Adebayo et al. 2018, arXiv:1810.03292"
    unit: ClassVar[str] = ""
    direction: ClassVar[Literal["higher", "lower"]] = "higher"
    low: ClassVar[float] = -1.0
    high: ClassVar[float] = 1.0
    chance: ClassVar[float | None] = 0.0
    order: ClassVar[int] = 20
    role: ClassVar[Role] = "headline"

    def __call__(self, first: Float64[Tensor, "h w"], second: Float64[Tensor, "h w"]) -> float:
        """See `Metric.__call__`."""
        if torch.equal(first, second):
            return 1.0
        one, other = _centred_ranks(first), _centred_ranks(second)
        return float(((one @ other) / (one.norm() * other.norm())).clamp(-1, 1))


def _centred_ranks(values: Tensor) -> Tensor:
    ranks = torch.from_numpy(rankdata(values.flatten().numpy()))
    return ranks - ranks.mean()
