"""An attack that knows the screening."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from radar_core.attacks import ATTACKS, Family, Perturbation, Placing
from radar_core.attacks.objective import Objective
from radar_core.attacks.two_goals import two_goals
from radar_core.epsilon import NORM_TITLES, Norm
from radar_core.params import field_choice, field_range
from radar_core.runtime import Progress


@ATTACKS.register("orthogonal_pgd")
@dataclass(frozen=True)
class OrthogonalPgd:
    """PGD that turns the reading and lowers the suspicion of the screening at once.

    A step raises the log-odds of another class where an image is not turned yet, and lowers the
    suspicion where it is, each along what does not undo the other. Kept is the least suspicious
    turned image. It knows everything of the detector but the scores of explanations, which pass no
    gradient on. Source: Bryniarski et al. 2022, section 4.2 (selective, orthogonal).
    """

    title: ClassVar[str] = "Orthogonal PGD"
    source: ClassVar[str] = "Bryniarski et al. 2022, arXiv:2106.15023"
    family: ClassVar[Family] = "knows the screening"
    placing: ClassVar[Placing] = "budget"
    targetable: ClassVar[bool] = True
    order: ClassVar[int] = 27

    steps: int = field_range(20, 1, 1000, title="Steps", help="gradient steps")
    step_size: float = field_range(
        2.5, 0.1, 1000.0, step=0.1, title="Step length", unit="ε / steps"
    )
    sureness: float = field_range(
        0.5, 0.0, 10.0, step=0.1, title="Margin kept", help="in logits, past the decision boundary"
    )
    norm: Norm = field_choice("linf", NORM_TITLES, title="Norm", help="what ε bounds")

    def perturb(
        self, objective: Objective, *, generator: torch.Generator, progress: Progress
    ) -> Perturbation:
        """See `Attack.perturb`."""
        return two_goals(
            objective,
            lambda images, _, tick: objective.suspicion(images, tick),
            steps=self.steps,
            step_size=self.step_size,
            sureness=self.sureness,
            generator=generator,
            progress=progress,
        )
