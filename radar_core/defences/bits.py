"""Fewer grey levels as a defence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from radar_core.defences import DEFENCES
from radar_core.detection.views import depth
from radar_core.params import field_range


@DEFENCES.register("bits")
@dataclass(frozen=True)
class Bits:
    """Every value goes to the nearest of a few levels."""

    title: ClassVar[str] = "Fewer bits"
    source: ClassVar[str] = "Xu et al. 2018, arXiv:1704.01155"
    order: ClassVar[int] = 30

    bits: int = field_range(5, 1, 8, title="Bits a channel")

    def views(
        self, images: Float[Tensor, "n 3 h w"], generator: torch.Generator
    ) -> Float[Tensor, "v n 3 h w"]:
        """See `Defence.views`."""
        return depth(images, self.bits)[None]
