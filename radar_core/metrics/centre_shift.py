"""How far the centre of attribution moves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float64
from torch import Tensor

from radar_core.metrics import METRICS, Role


@METRICS.register("centre_shift")
@dataclass(frozen=True)
class CentreShift:
    """Distance between the centres of mass of |attribution|, as a fraction of the diagonal.

    The diagonal runs between the centres of opposite corner pixels. Not defined when one map is
    all zero: it has no centre. Source: Ghorbani et al. 2019, mass-centre attack.
    """

    title: ClassVar[str] = "Centre-of-mass shift"
    source: ClassVar[str] = "Ghorbani et al. 2019, arXiv:1710.10547"
    unit: ClassVar[str] = "of the diagonal"
    direction: ClassVar[Literal["higher", "lower"]] = "lower"
    low: ClassVar[float] = 0.0
    high: ClassVar[float] = 1.0
    chance: ClassVar[float | None] = None
    order: ClassVar[int] = 30
    role: ClassVar[Role] = "headline"

    def __call__(self, first: Float64[Tensor, "h w"], second: Float64[Tensor, "h w"]) -> float:
        """See `Metric.__call__`."""
        if torch.equal(first, second):
            return 0.0
        height, width = first.shape
        diagonal = math.hypot(height - 1, width - 1) or 1.0
        shift = centre_of_mass(first) - centre_of_mass(second)
        return float((shift.norm() / diagonal).clamp(max=1))


def centre_of_mass(values: Float64[Tensor, "h w"]) -> Float64[Tensor, " 2"]:
    """Row and column, in pixels, of the centre of |values|; NaN for a map of zeros."""
    # Scaled first: the sum of the smallest floats would lose their digits.
    weight = values.abs() / values.abs().max()
    rows = torch.arange(weight.shape[0], dtype=weight.dtype)
    columns = torch.arange(weight.shape[1], dtype=weight.dtype)
    mass = weight.sum()
    return torch.stack([weight.sum(1) @ rows, weight.sum(0) @ columns]) / mass
