"""Projected gradient descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from radar_core.attacks import ATTACKS, Family, Perturbation, Placing
from radar_core.attacks.objective import Objective
from radar_core.attacks.steps import early_stop_flag, walk
from radar_core.epsilon import NORM_TITLES, Norm
from radar_core.params import field_choice, field_flag, field_range
from radar_core.runtime import Progress


@ATTACKS.register("pgd")
@dataclass(frozen=True)
class Pgd:
    """Many small gradient steps from a random start, each projected back into the ball of ε.

    The strongest iterate is kept, not the last: the one furthest past the decision boundary. A
    further start is made for the images that no earlier one flipped. Source: Madry et al. 2018,
    section 2.1; step length 2.5·ε/steps as in their code.
    """

    title: ClassVar[str] = "PGD"
    source: ClassVar[str] = "Madry et al. 2018, arXiv:1706.06083"
    family: ClassVar[Family] = "gradient"
    placing: ClassVar[Placing] = "budget"
    targetable: ClassVar[bool] = True
    order: ClassVar[int] = 20

    steps: int = field_range(20, 1, 1000, title="Steps", help="gradient steps of one start")
    step_size: float = field_range(
        2.5, 0.1, 1000.0, step=0.1, title="Step length", unit="ε / steps"
    )
    restarts: int = field_range(1, 1, 50, title="Starts", help="random starts, until one flips")
    random_start: bool = field_flag(True, title="Random start", help="else from the clean image")
    norm: Norm = field_choice("linf", NORM_TITLES, title="Norm", help="what ε bounds")
    early_stop: bool = early_stop_flag()

    def perturb(
        self, objective: Objective, *, generator: torch.Generator, progress: Progress
    ) -> Perturbation:
        """See `Attack.perturb`."""
        return walk(
            objective,
            steps=self.steps,
            step_size=self.step_size,
            restarts=self.restarts if self.random_start else 1,
            early_stop=self.early_stop,
            start=generator if self.random_start else None,
            progress=progress,
        )
