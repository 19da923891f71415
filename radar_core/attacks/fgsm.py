"""The fast gradient sign method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from radar_core.attacks import ATTACKS, Family, Perturbation, Placing
from radar_core.attacks.objective import Objective
from radar_core.epsilon import Norm
from radar_core.runtime import Progress


@ATTACKS.register("fgsm")
@dataclass(frozen=True)
class Fgsm:
    """One step of length ε along the sign of the gradient: x + ε·sign ∇ₓ L(x, y).

    The cheapest attack, and the weakest: it trusts the gradient at the clean image over the whole
    distance. Source: Goodfellow et al. 2015, section 4.
    """

    title: ClassVar[str] = "FGSM"
    source: ClassVar[str] = "Goodfellow et al. 2015, arXiv:1412.6572"
    family: ClassVar[Family] = "gradient"
    placing: ClassVar[Placing] = "budget"
    norm: ClassVar[Norm] = "linf"
    targetable: ClassVar[bool] = True
    order: ClassVar[int] = 10

    def perturb(
        self, objective: Objective, *, generator: torch.Generator, progress: Progress
    ) -> Perturbation:
        """See `Attack.perturb`; nothing is drawn."""
        progress.step(0.0, "gradient")
        gradient, _ = objective.gradient(objective.clean)
        return Perturbation(objective.project(objective.clean + objective.steepest(gradient)))
