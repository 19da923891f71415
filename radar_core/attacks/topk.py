"""An attack on the explanation alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from radar_core.attacks import ATTACKS, Family
from radar_core.attacks.evidence import clean_shares, towards
from radar_core.attacks.objective import Objective
from radar_core.attacks.two_goals import Second, TwoGoals
from radar_core.params import field_range


@ATTACKS.register("topk")
@dataclass(frozen=True)
class TopK(TwoGoals):
    """Moves Grad-CAM away from where it was strongest, while the reading stays as it is.

    What is lowered is the share of the map within the cells that were strongest in the clean image.
    An explanation that such a change moves is no evidence by itself. The goal is that of Ghorbani
    et al. 2019, algorithm 1 (top-k), on Grad-CAM's own grid; the steps are those of Orthogonal PGD.
    """

    title: ClassVar[str] = "Top-k attack"
    source: ClassVar[str] = "Ghorbani et al. 2019, arXiv:1710.10547"
    family: ClassVar[Family] = "explanation"
    targetable: ClassVar[bool] = False
    order: ClassVar[int] = 70
    keeps: ClassVar[bool] = True

    percent: int = field_range(
        10, 1, 50, title="Strongest cells", unit="%", help="of the clean map, to be left"
    )

    def second(self, objective: Objective) -> Second:
        """The share of the map within the cells that were strongest."""
        clean = clean_shares(objective)
        flat = clean.flatten(1)
        count = max(1, round(flat.shape[1] * self.percent / 100))
        strongest = torch.zeros_like(flat).scatter(1, flat.topk(count, 1).indices, 1.0)
        strongest = strongest.view_as(clean)
        return towards(
            objective,
            lambda shares, rows: (shares * strongest[rows]).sum((1, 2)),
            own_class=False,
        )
