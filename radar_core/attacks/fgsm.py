"""The fast gradient sign method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from radar_core.attacks import ATTACKS, Perturbation
from radar_core.attacks.objective import Objective
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
    norm: ClassVar[Literal["linf", "l2"]] = "linf"
    order: ClassVar[int] = 10

    def perturb(
        self, objective: Objective, *, generator: torch.Generator, progress: Progress
    ) -> Perturbation:
        """See `Attack.perturb`; nothing is drawn."""
        progress.step(0.0, "gradient")
        gradient, _ = objective.gradient(objective.clean)
        return Perturbation(objective.project(objective.clean + objective.radii * gradient.sign()))
