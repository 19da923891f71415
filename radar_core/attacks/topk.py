"""An attack on the explanation alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from radar_core.attacks import ATTACKS, Family, Perturbation, Placing
from radar_core.attacks.evidence import clean_shares, towards
from radar_core.attacks.objective import Objective
from radar_core.attacks.two_goals import two_goals
from radar_core.epsilon import NORM_TITLES, Norm
from radar_core.params import field_choice, field_range
from radar_core.runtime import Progress


@ATTACKS.register("topk")
@dataclass(frozen=True)
class TopK:
    """Moves Grad-CAM away from where it was strongest, while the reading stays as it is.

    What is lowered is the share of the map within the cells that were strongest in the clean image.
    An explanation that such a change moves is no evidence by itself. The goal is that of Ghorbani
    et al. 2019, algorithm 1 (top-k), on Grad-CAM's own grid; the steps are those of Orthogonal PGD.
    """

    title: ClassVar[str] = "Top-k attack"
    source: ClassVar[str] = "Ghorbani et al. 2019, arXiv:1710.10547"
    family: ClassVar[Family] = "explanation"
    placing: ClassVar[Placing] = "budget"
    targetable: ClassVar[bool] = False
    order: ClassVar[int] = 70

    steps: int = field_range(40, 1, 1000, title="Steps", help="gradient steps")
    step_size: float = field_range(
        2.5, 0.1, 1000.0, step=0.1, title="Step length", unit="ε / steps"
    )
    percent: int = field_range(
        10, 1, 50, title="Strongest cells", unit="%", help="of the clean map, to be left"
    )
    norm: Norm = field_choice("linf", NORM_TITLES, title="Norm", help="what ε bounds")

    def perturb(
        self, objective: Objective, *, generator: torch.Generator, progress: Progress
    ) -> Perturbation:
        """See `Attack.perturb`.

        Raises:
            BadModel: the model has no layer for Grad-CAM.
        """
        progress.step(0.0, "the clean map")
        clean = clean_shares(objective)
        flat = clean.flatten(1)
        count = max(1, round(flat.shape[1] * self.percent / 100))
        strongest = torch.zeros_like(flat).scatter(1, flat.topk(count, 1).indices, 1.0)
        strongest = strongest.view_as(clean)
        return two_goals(
            objective,
            towards(
                objective,
                lambda shares, rows: (shares * strongest[rows]).sum((1, 2)),
                own_class=False,
            ),
            keeps=True,
            steps=self.steps,
            step_size=self.step_size,
            sureness=0.0,
            generator=generator,
            progress=progress,
        )
