"""Grad-CAM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from radar_core.explainers import EXPLAINERS, Attribution
from radar_core.explainers.layers import class_activation_map
from radar_core.models.classifier import Classifier
from radar_core.runtime import Passes, Progress


@EXPLAINERS.register("gradcam")
@dataclass(frozen=True)
class GradCam:
    """Where the last convolutional block speaks for the class, at that block's resolution.

    Channels are weighted by the mean gradient of the class's logit and summed; what speaks against
    the class is cut off (ReLU); the map is upsampled bilinearly. A map of zeros (`empty` in the
    facts) is an answer: no place speaks for the class. Source: Selvaraju et al. 2017, eq. 1 and 2.
    """

    title: ClassVar[str] = "Grad-CAM"
    source: ClassVar[str] = "Selvaraju et al. 2017, arXiv:1610.02391"
    signed: ClassVar[bool] = False
    needs_background: ClassVar[bool] = False
    needs_gradients: ClassVar[bool] = True
    needs_layer: ClassVar[bool] = True
    draws: ClassVar[bool] = False
    order: ClassVar[int] = 10

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
    """The mean gradient of each channel (eq. 1)."""
    return gradients.mean((2, 3))
