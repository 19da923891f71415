"""The basic iterative method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from radar_core.attacks import ATTACKS, Family, Perturbation, Placing
from radar_core.attacks.objective import Objective
from radar_core.attacks.steps import early_stop_flag, walk
from radar_core.epsilon import Norm
from radar_core.params import field_range
from radar_core.runtime import Progress


@ATTACKS.register("bim")
@dataclass(frozen=True)
class Bim:
    """FGSM in many small steps from the clean image, each projected back into the L∞ ball.

    Without the random start this is all that separates it from PGD; the RADAR-MIX code ran the two
    as one. The strongest iterate is kept. Source: Kurakin et al. 2017, section 2.2; step length
    2.5·ε/steps as in PGD.
    """

    title: ClassVar[str] = "BIM"
    source: ClassVar[str] = "Kurakin et al. 2017, arXiv:1607.02533"
    family: ClassVar[Family] = "gradient"
    placing: ClassVar[Placing] = "budget"
    norm: ClassVar[Norm] = "linf"
    targetable: ClassVar[bool] = True
    order: ClassVar[int] = 15

    steps: int = field_range(20, 1, 1000, title="Steps")
    step_size: float = field_range(
        2.5, 0.1, 1000.0, step=0.1, title="Step length", unit="ε / steps"
    )
    early_stop: bool = early_stop_flag()

    def perturb(
        self, objective: Objective, *, generator: torch.Generator, progress: Progress
    ) -> Perturbation:
        """See `Attack.perturb`; nothing is drawn."""
        return walk(
            objective,
            steps=self.steps,
            step_size=self.step_size,
            early_stop=self.early_stop,
            progress=progress,
        )
