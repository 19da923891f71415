"""A smaller image as a defence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from radar_core.attacks.resize import resized
from radar_core.defences import DEFENCES
from radar_core.params import field_range


@DEFENCES.register("resize")
@dataclass(frozen=True)
class Resizing:
    """The image is made smaller, and its old size again."""

    title: ClassVar[str] = "Resize"
    source: ClassVar[str] = "Guo et al. 2018, arXiv:1711.00117"
    order: ClassVar[int] = 40

    percent: int = field_range(50, 10, 99, title="Sides", unit="%", help="lower loses more")

    def views(
        self, images: Float[Tensor, "n 3 h w"], generator: torch.Generator
    ) -> Float[Tensor, "v n 3 h w"]:
        """See `Defence.views`."""
        return resized(images, self.percent)[None]
