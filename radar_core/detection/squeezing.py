"""Feature squeezing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from radar_core.detection import DETECTORS, Need, State, Unfitted
from radar_core.detection.seen import Seen


@DETECTORS.register("squeezing")
@dataclass(frozen=True)
class FeatureSqueezing(Unfitted):
    """How far the reading moves when small changes are washed out of the image.

    The largest L1 distance between the probabilities of the image and those after fewer bits, a
    median and non-local means. Between 0 and 2. Source: Xu et al. 2018, eq. 1 and section V-C.
    """

    title: ClassVar[str] = "Feature squeezing"
    source: ClassVar[str] = "Xu et al. 2018, arXiv:1704.01155"
    needs: ClassVar[tuple[Need, ...]] = ("squeezed",)
    said: ClassVar[str] = "reading moves unusually far when small changes are washed out"
    differentiable: ClassVar[bool] = True
    order: ClassVar[int] = 30

    def measure(self, seen: Seen) -> Float[Tensor, "n v"]:
        """The distance for each squeezer."""
        own = seen.logits.softmax(1)
        return torch.stack([(own - s.softmax(1)).abs().sum(1) for s in seen.squeezed.values()], 1)

    def score(self, measured: Float[Tensor, "n v"], state: State) -> Float[Tensor, " n"]:
        """See `Score.score`."""
        return measured.amax(1)
