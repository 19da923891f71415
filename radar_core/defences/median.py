"""A median filter as a defence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from radar_core.defences import DEFENCES
from radar_core.detection.views import median
from radar_core.params import field_range


@DEFENCES.register("median")
@dataclass(frozen=True)
class Median:
    """Every value becomes the median of its surroundings."""

    title: ClassVar[str] = "Median filter"
    source: ClassVar[str] = "Xu et al. 2018, arXiv:1704.01155"
    order: ClassVar[int] = 20

    reach: int = field_range(1, 1, 4, title="Reach", unit="pixels", help="to every side")

    def views(
        self, images: Float[Tensor, "n 3 h w"], generator: torch.Generator
    ) -> Float[Tensor, "v n 3 h w"]:
        """See `Defence.views`."""
        return median(images, 2 * self.reach + 1)[None]
