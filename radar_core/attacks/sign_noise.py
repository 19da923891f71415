"""Benign control: every value a full ε up or down."""

from __future__ import annotations

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


@ATTACKS.register("sign_noise")
@dataclass(frozen=True)
class SignNoise:
    """A harmless control, no attack: every value moves by ε, up or down by the toss of a coin.

    It goes as far as FGSM and knows nothing of the model: an attack worth its name flips far more
    images at the same ε, and an explanation that moves no more under an attack than under this
    noise gives no sign of the attack. Source: the baseline of Ghorbani et al. 2019.
    """

    title: ClassVar[str] = "Sign noise"
    source: ClassVar[str] = "Ghorbani et al. 2019, arXiv:1710.10547"
    family: ClassVar[Family] = "benign"
    placing: ClassVar[Placing] = "budget"
    norm: ClassVar[Norm] = "linf"
    targetable: ClassVar[bool] = False
    order: ClassVar[int] = 80

    def perturb(
        self, objective: Objective, *, generator: torch.Generator, progress: Progress
    ) -> Perturbation:
        """See `Attack.perturb`; the same signs for all images of a size."""
        progress.step(0.0, "noise")
        return Perturbation(self.moved(objective, generator))

    @staticmethod
    def moved(room: Room, generator: torch.Generator) -> Float[Tensor, "m 3 h w"]:
        """The clean images with one draw of the noise."""
        signs = torch.randint(2, room.clean.shape[1:], generator=generator) * 2.0 - 1.0
        return room.project(room.clean + room.radii * signs.to(room.clean.device))
