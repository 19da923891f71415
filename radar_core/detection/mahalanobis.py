"""Mahalanobis distance of penultimate features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from radar_core.detection import DETECTORS, Need, State
from radar_core.detection.gaussian import class_means, fitted, squared_distance
from radar_core.detection.seen import Seen


@DETECTORS.register("mahalanobis")
@dataclass(frozen=True)
class Mahalanobis:
    """How far the features lie from the nearest class, in standard deviations squared.

    Classes are Gaussians of one covariance, fitted on clean training images. Source: Lee et al.
    2018, eq. 2, on the penultimate layer, without their change of the input. Differentiable, and
    shrunk where features are many, which pytorch-ood's is not.
    """

    title: ClassVar[str] = "Mahalanobis distance"
    source: ClassVar[str] = "Lee et al. 2018, arXiv:1807.03888"
    needs: ClassVar[tuple[Need, ...]] = ("features",)
    said: ClassVar[str] = "features lie unusually far from those of every class"
    differentiable: ClassVar[bool] = True
    order: ClassVar[int] = 20

    def measure(self, seen: Seen) -> Float[Tensor, "n f"]:
        """The features."""
        assert seen.features is not None
        return seen.features

    def fit(self, measured: Float[Tensor, "m f"], labels: Int64[Tensor, " m"]) -> dict[str, Tensor]:
        """The mean of each class, and one covariance."""
        means, centred = class_means(measured, labels)
        return {"means": means, **fitted(centred)}

    def score(self, measured: Float[Tensor, "n f"], state: State) -> Float[Tensor, " n"]:
        """See `Score.score`."""
        means = state["means"].to(measured.device)
        return torch.stack([squared_distance(measured - m, state) for m in means]).amin(0)
