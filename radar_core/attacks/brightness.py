"""Benign control: a lighter or darker image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from radar_core.attacks import ATTACKS, Family, Perturbation, Placing
from radar_core.attacks.objective import Objective
from radar_core.epsilon import Norm
from radar_core.params import field_flag
from radar_core.runtime import Progress


@ATTACKS.register("brightness")
@dataclass(frozen=True)
class Brightness:
    """A harmless control, no attack: every value rises by ε, or falls by it.

    Corruption of Hendrycks & Dietterich 2019, here an equal step in every channel.
    """

    title: ClassVar[str] = "Brightness"
    source: ClassVar[str] = "Hendrycks & Dietterich 2019, arXiv:1903.12261"
    family: ClassVar[Family] = "benign"
    placing: ClassVar[Placing] = "budget"
    norm: ClassVar[Norm] = "linf"
    targetable: ClassVar[bool] = False
    order: ClassVar[int] = 83

    darker: bool = field_flag(False, title="Darker", help="else lighter")

    def perturb(
        self, objective: Objective, *, generator: torch.Generator, progress: Progress
    ) -> Perturbation:
        """See `Attack.perturb`; nothing is drawn."""
        progress.step(0.0, "brightness")
        moved = -objective.radii if self.darker else objective.radii
        return Perturbation(objective.project(objective.clean + moved))
