"""Compression as a defence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from radar_core.attacks.jpeg_compression import jpeg
from radar_core.defences import DEFENCES
from radar_core.params import field_range


@DEFENCES.register("jpeg")
@dataclass(frozen=True)
class Jpeg:
    """The image is saved as a JPEG, which keeps what people see rather than single values."""

    title: ClassVar[str] = "JPEG"
    source: ClassVar[str] = "Guo et al. 2018, arXiv:1711.00117"
    order: ClassVar[int] = 10

    quality: int = field_range(75, 1, 100, title="Quality", help="of Pillow; lower changes more")

    def views(
        self, images: Float[Tensor, "n 3 h w"], generator: torch.Generator
    ) -> Float[Tensor, "v n 3 h w"]:
        """See `Defence.views`."""
        return jpeg(images, self.quality)[None]
