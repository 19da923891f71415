"""Grad-CAM++."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from radar_core.explainers import EXPLAINERS, Attribution
from radar_core.explainers.layers import class_activation_map
from radar_core.models.classifier import Classifier
from radar_core.runtime import Passes, Progress


@EXPLAINERS.register("gradcampp")
@dataclass(frozen=True)
class GradCamPlusPlus:
    """Grad-CAM whose channels count by the places that speak for the class, not by their mean.

    A channel A with gradient g weighs Σ α·ReLU(g), α = g² / (2g² + ΣA·g³), so that several small
    findings count as much as one large. g is of the class's logit, as implementations do: the
    exponential of the paper multiplies each map by one positive number. A map of zeros (`empty` in
    the facts) is an answer. Source: Chattopadhay et al. 2018, eq. 5 and 19.
    """

    title: ClassVar[str] = "Grad-CAM++"
    source: ClassVar[str] = "Chattopadhay et al. 2018, arXiv:1710.11063"
    signed: ClassVar[bool] = False
    needs_background: ClassVar[bool] = False
    needs_gradients: ClassVar[bool] = True
    needs_layer: ClassVar[bool] = True
    draws: ClassVar[bool] = False
    order: ClassVar[int] = 12

    @property
    def cost(self) -> Passes:
        """See `Explainer.cost`."""
        return Passes(1, 1)

    def attribute(
        self,
        model: Classifier,
        images: Float[Tensor, "n 3 h w"],
        targets: Int64[Tensor, " n"],
        *,
        background: Float[Tensor, "m 3 h w"],
        generator: torch.Generator,
        progress: Progress,
    ) -> Attribution:
        """See `Explainer.attribute`; nothing is drawn.

        Raises:
            BadModel: the model's Grad-CAM layer gives no map.
        """
        return class_activation_map(
            model, images, targets, weights, progress=progress, note=self.title
        )


def weights(
    activations: Float[Tensor, "n c g f"], gradients: Float[Tensor, "n c g f"]
) -> Float[Tensor, "n c"]:
    """Σ α·ReLU(g) of each channel.

    α is taken as 1 / (2 + ΣA·g), the same number: gradients of 1e-4 and less, as real networks
    have, would be lost in their third power. It is at most 1: the paper's channels are never
    negative and give at most ½, but those of other activations could make it infinite.
    """
    positive = F.relu(gradients)
    alpha = 1 / (2 + activations.sum((2, 3), keepdim=True) * positive).clamp(min=1)
    return (alpha * positive).sum((2, 3))
