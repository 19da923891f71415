"""Guided Grad-CAM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from radar_core.explainers import EXPLAINERS, Attribution
from radar_core.explainers.backward_rules import Guided
from radar_core.explainers.gradcam import weights
from radar_core.explainers.gradients import input_gradient
from radar_core.explainers.layers import class_activation_map
from radar_core.models.classifier import Classifier
from radar_core.runtime import Passes, Progress, batch_size


@EXPLAINERS.register("guided_gradcam")
@dataclass(frozen=True)
class GuidedGradCam:
    """Fine detail by guided backpropagation, where Grad-CAM speaks for the class.

    The largest |guided gradient × upsampled Grad-CAM| over the colour channels. Guided
    backpropagation hands back only what is positive at each ReLU; other rectifiers are treated
    alike, with their own slope, and `rectifiers` in the facts says how many were met: with 0 of
    them it is the plain gradient. Fine detail is much the same whatever the class, and whatever
    the weights (Adebayo et al. 2018): only Grad-CAM's part tells classes apart. Source: Selvaraju
    et al. 2017, section 3.3; Springenberg et al. 2015.
    """

    title: ClassVar[str] = "Guided Grad-CAM"
    source: ClassVar[str] = "Selvaraju et al. 2017, arXiv:1610.02391; Springenberg et al. 2015"
    signed: ClassVar[bool] = False
    needs_background: ClassVar[bool] = False
    needs_gradients: ClassVar[bool] = True
    needs_layer: ClassVar[bool] = True
    draws: ClassVar[bool] = False
    order: ClassVar[int] = 14

    @property
    def cost(self) -> Passes:
        """See `Explainer.cost`: a pass for either factor."""
        return Passes(2, 2)

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
        coarse = class_activation_map(
            model, images, targets, weights, progress=progress.part(0, 0.5), note="Grad-CAM"
        )
        # What each rectifier let through is kept beside what a plain gradient keeps.
        step = max(1, 7 * batch_size(*images.shape[-2:], gradients=True) // 8)
        maps, met = torch.zeros_like(coarse.maps), 0
        for i in range(0, len(images), step):
            progress.step(0.5 + 0.5 * i / len(images), "guided backpropagation")
            part, rule = slice(i, i + step), Guided()
            gradient, _ = input_gradient(model, images[part], targets[part], rule)
            maps[part] = (gradient * coarse.maps[part, None]).abs().amax(1)
            met = rule.met
        empty = (~maps.flatten(1).any(1)).tolist()
        return Attribution(maps, {**coarse.facts, "empty": empty, "rectifiers": met})
