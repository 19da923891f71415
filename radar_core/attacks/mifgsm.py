"""The momentum iterative fast gradient sign method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from radar_core.attacks import ATTACKS, Family, Perturbation, Placing
from radar_core.attacks.objective import Objective
from radar_core.attacks.steps import early_stop_flag, walk
from radar_core.epsilon import Norm
from radar_core.params import field_range
from radar_core.runtime import Progress


@ATTACKS.register("mifgsm")
@dataclass(frozen=True)
class MiFgsm:
    """BIM that follows an average of the gradients so far: g ← μ·g + ∇L / ‖∇L‖₁, step along sign g.

    Momentum carries it over small bumps of the loss, and its examples transfer better to other
    models. The strongest iterate is kept. Source: Dong et al. 2018, algorithm 1 (step ε/steps).
    """

    title: ClassVar[str] = "MI-FGSM"
    source: ClassVar[str] = "Dong et al. 2018, arXiv:1710.06081"
    family: ClassVar[Family] = "gradient"
    placing: ClassVar[Placing] = "budget"
    norm: ClassVar[Norm] = "linf"
    targetable: ClassVar[bool] = True
    order: ClassVar[int] = 25

    steps: int = field_range(20, 1, 1000, title="Steps")
    step_size: float = field_range(
        1.0, 0.1, 1000.0, step=0.1, title="Step length", unit="ε / steps"
    )
    momentum: float = field_range(1.0, 0.0, 10.0, step=0.1, title="Momentum μ")
    early_stop: bool = early_stop_flag()

    def perturb(
        self, objective: Objective, *, generator: torch.Generator, progress: Progress
    ) -> Perturbation:
        """See `Attack.perturb`; nothing is drawn."""
        average = torch.zeros_like(objective.clean)

        def direction(gradient: Tensor, rows: Tensor) -> Tensor:
            size = gradient.abs().mean((1, 2, 3), keepdim=True)  # ‖·‖₁ but for a constant
            average[rows] *= self.momentum
            average[rows] += gradient / size.clamp_min(torch.finfo(size.dtype).tiny)
            return average[rows]

        return walk(
            objective,
            steps=self.steps,
            step_size=self.step_size,
            early_stop=self.early_stop,
            direction=direction,
            progress=progress,
        )
