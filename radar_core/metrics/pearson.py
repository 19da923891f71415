"""Linear correlation of two maps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float64
from torch import Tensor

from radar_core.metrics import METRICS, Role


@METRICS.register("pearson")
@dataclass(frozen=True)
class Pearson:
    """Whether one map is a rising straight line of the other: covariance over both deviations.

    Σ(a − ā)(b − b̄) / √(Σ(a − ā)² · Σ(b − b̄)²), between −1 and 1; two independent maps have 0. A
    few strong pixels decide it, where Spearman's counts every pixel alike. Not defined when a map
    is constant and the other is not the same. Source: Pearson 1895.
    """

    title: ClassVar[str] = "Pearson correlation"
    source: ClassVar[str] = "Pearson 1895, doi:10.1098/rspl.1895.0041"
    unit: ClassVar[str] = ""
    direction: ClassVar[Literal["higher", "lower"]] = "higher"
    low: ClassVar[float] = -1.0
    high: ClassVar[float] = 1.0
    chance: ClassVar[float | None] = 0.0
    order: ClassVar[int] = 50
    role: ClassVar[Role] = "further"

    def __call__(self, first: Float64[Tensor, "h w"], second: Float64[Tensor, "h w"]) -> float:
        """See `Metric.__call__`."""
        if torch.equal(first, second):
            return 1.0
        if any(bool(values.min() == values.max()) for values in (first, second)):
            return math.nan  # asked of the values: rounding leaves a constant a deviation
        return float((_deviation(first) @ _deviation(second)).clamp(-1, 1))


def _deviation(values: Float64[Tensor, "h w"]) -> Float64[Tensor, " n"]:
    """The deviation from the mean, of length one."""
    # Scaled first: the squares of the largest and the smallest floats do not exist.
    scaled = values.flatten() / values.abs().max()
    centred: Tensor = scaled - scaled.mean()
    length: Tensor = torch.linalg.vector_norm(centred)
    return centred / length
