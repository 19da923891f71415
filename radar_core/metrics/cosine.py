"""The angle between two maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float64
from torch import Tensor

from radar_core.metrics import METRICS, Role


@METRICS.register("cosine")
@dataclass(frozen=True)
class Cosine:
    """Whether one map is a positive multiple of the other: Σab / √(Σa² · Σb²).

    Between −1 and 1, and between 0 and 1 for maps without negative values. Unlike Pearson's
    correlation it does not take the mean off, so zero stays zero: chance is 0 for maps whose values
    lie around zero, and above it for maps whose values do not (0.75 for two of uniform noise). Not
    defined when one map is all zero and the other is not: no direction. Source: Salton et al. 1975,
    the cosine of two vectors.
    """

    title: ClassVar[str] = "Cosine similarity"
    source: ClassVar[str] = "Salton et al. 1975, doi:10.1145/361219.361220"
    unit: ClassVar[str] = ""
    direction: ClassVar[Literal["higher", "lower"]] = "higher"
    low: ClassVar[float] = -1.0
    high: ClassVar[float] = 1.0
    chance: ClassVar[float | None] = None
    order: ClassVar[int] = 55
    role: ClassVar[Role] = "further"

    def __call__(self, first: Float64[Tensor, "h w"], second: Float64[Tensor, "h w"]) -> float:
        """See `Metric.__call__`."""
        if torch.equal(first, second):
            return 1.0
        return float((_direction(first) @ _direction(second)).clamp(-1, 1))


def _direction(values: Float64[Tensor, "h w"]) -> Float64[Tensor, " n"]:
    """The map as a vector of length one; NaN for a map of zeros."""
    # Scaled first: the squares of the largest and the smallest floats do not exist.
    scaled = values.flatten() / values.abs().max()
    length: Tensor = torch.linalg.vector_norm(scaled)
    return scaled / length
