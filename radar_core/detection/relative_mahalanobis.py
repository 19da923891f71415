"""Relative Mahalanobis distance of penultimate features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from radar_core.detection import DETECTORS, Need, State
from radar_core.detection.gaussian import class_means, fitted, squared_distance
from radar_core.detection.seen import Seen


@DETECTORS.register("relative_mahalanobis")
@dataclass(frozen=True)
class RelativeMahalanobis:
    """The Mahalanobis distance from the nearest class, less that from all images together.

    What makes any image unusual, whatever its class, is taken off. Source: Ren et al. 2021, eq. 3.
    """

    title: ClassVar[str] = "Relative Mahalanobis distance"
    source: ClassVar[str] = "Ren et al. 2021, arXiv:2106.09022"
    needs: ClassVar[tuple[Need, ...]] = ("features",)
    said: ClassVar[str] = "features fit no class, less so than they fit the images as a whole"
    differentiable: ClassVar[bool] = True
    order: ClassVar[int] = 21

    def measure(self, seen: Seen) -> Float[Tensor, "n f"]:
        """The features."""
        assert seen.features is not None
        return seen.features

    def fit(self, measured: Float[Tensor, "m f"], labels: Int64[Tensor, " m"]) -> dict[str, Tensor]:
        """The mean of each class with one covariance, and those of all images."""
        means, centred = class_means(measured, labels)
        mean = measured.mean(0, keepdim=True)
        whole = {f"all_{name}": value for name, value in fitted(measured - mean).items()}
        return {"means": means, "mean": mean, **fitted(centred), **whole}

    def score(self, measured: Float[Tensor, "n f"], state: State) -> Float[Tensor, " n"]:
        """See `Score.score`."""
        means = state["means"].to(measured.device)
        own = torch.stack([squared_distance(measured - m, state) for m in means]).amin(0)
        mean = state["mean"].to(measured.device)
        return own - squared_distance(measured - mean, state, "all_")
