"""Grad-CAM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from captum.attr import LayerAttribution, LayerGradCam
from jaxtyping import Float, Int64
from torch import Tensor

from radar_core.errors import BadModel
from radar_core.explainers import EXPLAINERS, Attribution
from radar_core.models.classifier import Classifier
from radar_core.runtime import Passes, Progress, batch_size


@EXPLAINERS.register("gradcam")
@dataclass(frozen=True)
class GradCam:
    """Where the last convolutional block speaks for the class, at that block's resolution.

    Channels are weighted by the mean gradient of the class's logit and summed; what speaks against
    the class is cut off (ReLU); the map is upsampled bilinearly. A map of zeros (`empty` in the
    facts) is an answer: no place speaks for the class. Source: Selvaraju et al. 2017, eq. 1 and 2;
    captum's LayerGradCam.
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
            BadModel: the model's Grad-CAM layer has no (n, channels, height, width) output.
        """
        method = LayerGradCam(model, model.cam_layer)
        step = batch_size(*images.shape[-2:], gradients=True)
        parts = []
        for i in range(0, len(images), step):
            progress.step(i / len(images), "Grad-CAM")
            try:
                layer_map = method.attribute(
                    images[i : i + step], targets[i : i + step], relu_attributions=True
                )
            except AssertionError:  # captum: the layer gave no output
                layer_map = None
            if not isinstance(layer_map, Tensor) or layer_map.ndim != 4:
                raise BadModel(
                    f"layer {model.cam_layer_name!r} of {model.name} has no output of shape "
                    "(n, channels, height, width); name a convolutional block as cam_layer"
                )
            grid = tuple(layer_map.shape[-2:])
            upsampled = LayerAttribution.interpolate(layer_map, images.shape[-2:], "bilinear")
            parts.append(upsampled.detach()[:, 0])
        maps = torch.cat(parts)
        return Attribution(
            maps,
            {
                "layer": model.cam_layer_name,
                "grid": list(grid),
                "empty": (~maps.flatten(1).any(1)).tolist(),
            },
        )
