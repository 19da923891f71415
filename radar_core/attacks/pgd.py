"""Projected gradient descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from radar_core.attacks import ATTACKS, Perturbation
from radar_core.attacks.objective import Objective
from radar_core.attacks.steps import Strongest, random_start
from radar_core.params import field_flag, field_range
from radar_core.runtime import Progress


@ATTACKS.register("pgd")
@dataclass(frozen=True)
class Pgd:
    """Many small signed gradient steps from a random start, each projected back into the L∞ ball.

    The strongest iterate is kept, not the last: the one furthest past the decision boundary. A
    further restart is made for the images that no earlier one flipped. Source: Madry et al. 2018,
    section 2.1; step length 2.5·ε/steps as in their code.
    """

    title: ClassVar[str] = "PGD"
    source: ClassVar[str] = "Madry et al. 2018, arXiv:1706.06083"
    norm: ClassVar[Literal["linf", "l2"]] = "linf"
    order: ClassVar[int] = 20

    steps: int = field_range(20, 1, 1000, title="Steps", help="gradient steps of one start")
    step_size: float = field_range(
        2.5, 0.1, 1000.0, step=0.1, title="Step length", unit="ε / steps"
    )
    restarts: int = field_range(1, 1, 50, title="Starts", help="random starts, until one flips")
    random_start: bool = field_flag(True, title="Random start", help="else from the clean image")

    def perturb(
        self, objective: Objective, *, generator: torch.Generator, progress: Progress
    ) -> Perturbation:
        """See `Attack.perturb`."""
        strongest = Strongest(objective)
        restarts = self.restarts if self.random_start else 1
        passes = restarts * (self.steps + 1)
        for restart in range(restarts):
            rows = strongest.held
            if not len(rows):
                break
            length = objective.radii[rows] * (self.step_size / self.steps)
            images = objective.clean if restart == 0 else objective.clean[rows]
            if self.random_start:
                images = random_start(objective, rows, generator)
            for step in range(self.steps):
                progress.step((restart * (self.steps + 1) + step) / passes, f"step {step + 1}")
                gradient, logits = objective.gradient(images, rows)
                if step or self.random_start:
                    strongest.offer(images, logits, rows)
                images = objective.project(images + length * gradient.sign(), rows)
            progress.step(((restart + 1) * (self.steps + 1) - 1) / passes, "last step")
            strongest.offer(images, objective.logits(images), rows)
        return Perturbation(strongest.images, strongest.logits)
