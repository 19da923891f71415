"""Saliency: the gradient itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from radar_core.explainers import EXPLAINERS, Attribution
from radar_core.explainers.gradients import input_gradient
from radar_core.models.classifier import Classifier
from radar_core.runtime import Passes, Progress, batch_size


@EXPLAINERS.register("saliency")
@dataclass(frozen=True)
class Saliency:
    """How much the smallest change of each pixel moves the class's logit, up or down.

    The largest |gradient| over the colour channels. Source: Simonyan et al. 2014, section 3.1.
    """

    title: ClassVar[str] = "Saliency"
    source: ClassVar[str] = "Simonyan et al. 2014, arXiv:1312.6034"
    signed: ClassVar[bool] = False
    needs_background: ClassVar[bool] = False
    needs_gradients: ClassVar[bool] = True
    needs_layer: ClassVar[bool] = False
    draws: ClassVar[bool] = False
    order: ClassVar[int] = 44

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
        """See `Explainer.attribute`; nothing is drawn."""
        step = batch_size(*images.shape[-2:], gradients=True)
        parts = []
        for i in range(0, len(images), step):
            progress.step(i / len(images), "gradient")
            gradient, _ = input_gradient(model, images[i : i + step], targets[i : i + step])
            parts.append(gradient.abs().amax(1))
        return Attribution(torch.cat(parts))
