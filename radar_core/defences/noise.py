"""A vote of noisy copies as a defence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from radar_core.defences import DEFENCES
from radar_core.params import field_range


@DEFENCES.register("noise")
@dataclass(frozen=True)
class NoiseVote:
    """Copies with Gaussian noise are read, and their probabilities averaged.

    The vote of randomised smoothing, of a model that was not trained for it and with too few copies
    to certify anything.
    """

    title: ClassVar[str] = "Vote of noisy copies"
    source: ClassVar[str] = "Cohen et al. 2019, arXiv:1902.02918"
    order: ClassVar[int] = 50

    copies: int = field_range(8, 1, 64, title="Copies")
    sigma: float = field_range(8.0, 0.5, 64.0, step=0.5, title="Noise", unit="/255")

    def views(
        self, images: Float[Tensor, "n 3 h w"], generator: torch.Generator
    ) -> Float[Tensor, "v n 3 h w"]:
        """See `Defence.views`."""
        noise = torch.randn((self.copies, 1, *images.shape[1:]), generator=generator)
        return (images + self.sigma / 255 * noise.to(images.device)).clamp(0, 1)
