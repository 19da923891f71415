"""LIME for images."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from lime.lime_base import LimeBase
from torch import Tensor

from radar_core.explainers import EXPLAINERS, Attribution
from radar_core.explainers.masking import field_hide
from radar_core.explainers.superpixels import (
    Masks,
    explain_superpixels,
    field_samples,
    orthogonal_block,
)
from radar_core.models.classifier import Classifier
from radar_core.params import field_range
from radar_core.runtime import Passes, Progress

KERNEL_WIDTH = 0.25  # of cosine distances, as lime's image explainer
# Masks after the first block, and how often in turn they have to leave the ranking as it was:
# after once, two seeds agreed less (docs/findings.md).
STEP, HOLD = 32, 3


@EXPLAINERS.register("lime")
@dataclass(frozen=True)
class Lime:
    """How much each superpixel adds to the class's probability, by a local linear model.

    Superpixels are hidden at random, the model reads what is left, and a ridge regression
    (weighted by likeness to the whole image) gives each superpixel its coefficient. All images
    share the superpixels and the hidden content of the first, and the masks, whose number grows
    until the five strongest superpixels hold. Source: Ribeiro et al. 2016; surrogate fit by the
    lime package.

    Superpixels are SLIC's: even in size, so that coefficients can be compared, about as many as
    asked for, and made ten times as fast as those of quickshift, lime's default. Masks come in
    orthogonal blocks (see `radar_core.explainers.superpixels`); the package draws each on its own.
    """

    title: ClassVar[str] = "LIME"
    source: ClassVar[str] = "Ribeiro et al. 2016, arXiv:1602.04938"
    signed: ClassVar[bool] = True
    needs_background: ClassVar[bool] = False
    needs_gradients: ClassVar[bool] = False
    needs_layer: ClassVar[bool] = False
    draws: ClassVar[bool] = True
    order: ClassVar[int] = 30

    samples: int = field_samples()
    superpixels: int = field_range(50, 5, 300, title="Superpixels", help="about so many")
    hide: str = field_hide("own mean", superpixels=True)

    @property
    def cost(self) -> Passes:
        """See `Explainer.cost`."""
        return Passes(self.samples, 0)

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
        """See `Explainer.attribute`."""
        return explain_superpixels(
            model,
            images,
            targets,
            wanted=self.superpixels,
            hide=self.hide,
            cap=self.samples,
            draw=lambda count: orthogonal_block(count, generator),
            step=STEP,
            hold=HOLD,
            ends=False,
            fit=surrogate,
            progress=progress,
        )


def surrogate(
    masks: Masks, read: Float64[np.ndarray, " s"]
) -> tuple[Float64[np.ndarray, " m"], dict[str, Any]]:
    """Coefficients of the weighted ridge regression, and its R²."""
    kept = masks.astype(np.float64)
    distances = 1 - np.sqrt(kept.mean(1))  # cosine distance to the mask that keeps all
    base = LimeBase(partial(_kernel, width=KERNEL_WIDTH), random_state=0)
    _, pairs, r2, _ = base.explain_instance_with_data(
        kept, read[:, None], distances, 0, kept.shape[1], feature_selection="none"
    )
    coefficients = np.zeros(kept.shape[1])
    for superpixel, coefficient in pairs:
        coefficients[superpixel] = coefficient
    return coefficients, {"r2": float(r2)}


def _kernel(distances: Float64[np.ndarray, " s"], width: float) -> Float64[np.ndarray, " s"]:
    return np.sqrt(np.exp(-(distances**2) / width**2))
