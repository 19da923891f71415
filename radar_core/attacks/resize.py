"""Benign control: the image is stored smaller and opened at its size again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from radar_core.attacks import ATTACKS, Family, Perturbation, Placing
from radar_core.attacks.objective import Objective
from radar_core.epsilon import Norm
from radar_core.params import field_range
from radar_core.runtime import Progress


def resized(images: Float[Tensor, "n 3 h w"], percent: int) -> Float[Tensor, "n 3 h w"]:
    """Sides at that share of their length, and back (bilinear, antialiased)."""
    height, width = images.shape[-2:]
    size = (max(1, round(height * percent / 100)), max(1, round(width * percent / 100)))
    small = F.interpolate(images, size=size, mode="bilinear", antialias=True)
    return F.interpolate(small, size=(height, width), mode="bilinear").clamp(0, 1)


@ATTACKS.register("resize")
@dataclass(frozen=True)
class Resize:
    """A harmless control, no attack: the image is made smaller, and its old size again.

    Its strength is the share of the sides that is kept; ε means nothing to it. What every archive
    and viewer does to pictures; as a defence Guo et al. 2018.
    """

    title: ClassVar[str] = "Resize"
    source: ClassVar[str] = "Guo et al. 2018, arXiv:1711.00117"
    family: ClassVar[Family] = "benign"
    placing: ClassVar[Placing] = "own"
    norm: ClassVar[Norm] = "linf"
    targetable: ClassVar[bool] = False
    order: ClassVar[int] = 86

    percent: int = field_range(75, 10, 99, title="Sides", unit="%", help="lower loses more")

    def perturb(
        self, objective: Objective, *, generator: torch.Generator, progress: Progress
    ) -> Perturbation:
        """See `Attack.perturb`; nothing is drawn."""
        progress.step(0.0, "resize")
        return Perturbation(resized(objective.clean, self.percent))
