"""Kernel density of penultimate features."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from radar_core.detection import DETECTORS, Need, State
from radar_core.detection.seen import Seen


@DETECTORS.register("density")
@dataclass(frozen=True)
class KernelDensity:
    """How thinly clean training images are sown around the features: minus the log density.

    A Gaussian around each clean image of any class; Feinman et al. take those of the class that is
    read, of which small data sets have too few. The width is the median distance of a clean image
    to its nearest other one. Source: Feinman et al. 2017, section 5.1.
    """

    title: ClassVar[str] = "Kernel density"
    source: ClassVar[str] = "Feinman et al. 2017, arXiv:1703.00410"
    needs: ClassVar[tuple[Need, ...]] = ("features",)
    said: ClassVar[str] = "features lie where there are hardly any clean images"
    differentiable: ClassVar[bool] = True
    order: ClassVar[int] = 23

    def measure(self, seen: Seen) -> Float[Tensor, "n f"]:
        """The features."""
        assert seen.features is not None
        return seen.features

    def fit(self, measured: Float[Tensor, "m f"], labels: Int64[Tensor, " m"]) -> dict[str, Tensor]:
        """The clean images, and the width."""
        apart = torch.cdist(measured, measured)
        apart.fill_diagonal_(math.inf)
        width = apart.amin(1).median().clamp(min=1e-12)
        return {"points": measured, "width": width.reshape(1)}

    def score(self, measured: Float[Tensor, "n f"], state: State) -> Float[Tensor, " n"]:
        """See `Score.score`; without the constant that the dimension adds."""
        points, width = (state[name].to(measured.device) for name in ("points", "width"))
        squared = torch.cdist(measured, points.to(measured.dtype)).square()
        return math.log(len(points)) - (-squared / (2 * width**2)).logsumexp(1)
