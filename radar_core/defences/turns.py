"""Averaging over turned and mirrored images as a defence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from radar_core.defences import DEFENCES


@DEFENCES.register("turns")
@dataclass(frozen=True)
class Turns:
    """The image is read in its eight positions, turned and mirrored, and averaged.

    A lesion has no upright position, so the eight are as good as each other.
    """

    title: ClassVar[str] = "Eight positions"
    source: ClassVar[str] = "Krizhevsky et al. 2012, section 4.1"
    order: ClassVar[int] = 60

    def views(
        self, images: Float[Tensor, "n 3 h w"], generator: torch.Generator
    ) -> Float[Tensor, "v n 3 h w"]:
        """See `Defence.views`."""
        mirrored = images.flip(3)
        turned = [each.rot90(k, (2, 3)) for each in (images, mirrored) for k in range(4)]
        return torch.stack(turned)
