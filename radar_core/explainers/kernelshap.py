"""KernelSHAP on superpixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from radar_core.explainers import EXPLAINERS, Attribution
from radar_core.explainers.masking import field_hide
from radar_core.explainers.superpixels import Masks, explain_superpixels, field_samples
from radar_core.models.classifier import Classifier
from radar_core.params import field_range
from radar_core.runtime import Passes, Progress

BLOCK = 128


@EXPLAINERS.register("kernelshap")
@dataclass(frozen=True)
class KernelShap:
    """The Shapley value of each superpixel for the class's probability, estimated by regression.

    Coalitions of superpixels are drawn with the Shapley kernel's chances, each with its
    complement, and a least-squares fit, held to sum to what all superpixels together add, gives
    the values. All images share superpixels, hidden content and coalitions, whose number grows
    until the five strongest superpixels hold. Source: Lundberg & Lee 2017, theorem 2; the paired
    sampling is Covert & Lee's 2021.
    """

    title: ClassVar[str] = "KernelSHAP"
    source: ClassVar[str] = "Lundberg & Lee 2017, arXiv:1705.07874; Covert & Lee 2021"
    signed: ClassVar[bool] = True
    needs_background: ClassVar[bool] = False
    needs_gradients: ClassVar[bool] = False
    needs_layer: ClassVar[bool] = False
    draws: ClassVar[bool] = True
    order: ClassVar[int] = 25

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
            draw=lambda count: coalitions(count, generator),
            ends=True,
            fit=shapley,
            progress=progress,
        )


def coalitions(count: int, generator: torch.Generator) -> Bool[Tensor, "s m"]:
    """A block of coalitions: sizes with chance ∝ 1/(k(m − k)), each followed by its complement.

    Sizes are drawn by stratified sampling: one in each of as many equal parts of their
    distribution as there are pairs.
    """
    if count == 1:  # nothing but all and none
        return torch.tensor([[True], [False]])
    sizes = torch.arange(1, count, dtype=torch.float64)
    chances = (1 / (sizes * (count - sizes))).cumsum(0)
    half = BLOCK // 2
    strata = (torch.arange(half) + torch.rand(half, generator=generator)) / half
    drawn = torch.searchsorted(chances / chances[-1], strata.double()).clamp(max=count - 2) + 1
    drawn = drawn[torch.randperm(half, generator=generator)]
    ranks = torch.rand((half, count), generator=generator).argsort(1).argsort(1)
    masks = ranks < drawn[:, None]
    return torch.stack([masks, ~masks], dim=1).flatten(0, 1)


def shapley(
    masks: Masks, read: Float64[np.ndarray, " s"]
) -> tuple[Float64[np.ndarray, " m"], dict[str, Any]]:
    """Shapley values by least squares under the constraint of efficiency.

    The first two rows are the whole image and the wholly hidden one. Minimises Σ (f(z) − f(∅) −
    zᵀφ)² over the drawn coalitions z with Σφ = f(all) − f(∅) (Covert & Lee 2021, eq. 7).
    """
    whole, none = read[0], read[1]
    kept = masks[2:].astype(np.float64)
    count = kept.shape[1]
    if count == 1:
        return np.array([whole - none]), {"r2": 1.0}
    # The last value follows from the others: what is left is a plain least-squares problem.
    left = kept[:, :-1] - kept[:, -1:]
    aim = read[2:] - none - kept[:, -1] * (whole - none)
    # A little ridge: with fewer coalitions than superpixels there is no single answer.
    gram = left.T @ left + 1e-6 * len(left) * np.eye(count - 1)
    others = np.linalg.solve(gram, left.T @ aim)
    values = np.append(others, whole - none - others.sum())
    spread = float(np.square(read[2:] - read[2:].mean()).sum())
    missed = float(np.square(read[2:] - none - kept @ values).sum())
    return values, {"r2": 1 - missed / spread if spread else 1.0}
