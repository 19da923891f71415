"""Benign control: Gaussian noise of a given length."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from radar_core.attacks import ATTACKS, Family, Perturbation, Placing
from radar_core.attacks.objective import Objective
from radar_core.attacks.room import Room
from radar_core.epsilon import Norm
from radar_core.runtime import Progress


def equal_l2(eps_linf: float, shape: Sequence[int]) -> float:
    """The L2 length of sign noise at an L∞ radius: ε·√(number of values).

    Given as ε to `gaussian_noise`, it makes Gaussian noise that is as long.

    Args:
        eps_linf: in [0, 1] pixels.
        shape: of one image, (3, h, w).
    """
    return eps_linf * math.sqrt(math.prod(shape))


@ATTACKS.register("gaussian_noise")
@dataclass(frozen=True)
class GaussianNoise:
    """A harmless control, no attack: Gaussian noise of L2 length ε, before it is cut to [0, 1].

    ε is an L2 radius here: single values go further than those of sign noise of the same length,
    so one L∞ radius could not bound both. `equal_l2` gives the ε to compare them at.
    """

    title: ClassVar[str] = "Gaussian noise"
    source: ClassVar[str] = "Hendrycks & Dietterich 2019, arXiv:1903.12261"
    family: ClassVar[Family] = "benign"
    placing: ClassVar[Placing] = "budget"
    norm: ClassVar[Norm] = "l2"
    targetable: ClassVar[bool] = False
    order: ClassVar[int] = 81

    def perturb(
        self, objective: Objective, *, generator: torch.Generator, progress: Progress
    ) -> Perturbation:
        """See `Attack.perturb`; the same noise for all images of a size."""
        progress.step(0.0, "noise")
        return Perturbation(self.moved(objective, generator))

    @staticmethod
    def moved(room: Room, generator: torch.Generator) -> Float[Tensor, "m 3 h w"]:
        """The clean images with one draw of the noise."""
        noise = torch.randn(room.clean.shape[1:], generator=generator)
        noise = (noise / torch.linalg.vector_norm(noise)).to(room.clean.device)
        return room.project(room.clean + room.radii * noise)
