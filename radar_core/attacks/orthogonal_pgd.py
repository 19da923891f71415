"""An attack that knows the screening."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from radar_core.attacks import ATTACKS, Family
from radar_core.attacks.objective import Objective
from radar_core.attacks.two_goals import Second, TwoGoals
from radar_core.params import field_range


@ATTACKS.register("orthogonal_pgd")
@dataclass(frozen=True)
class OrthogonalPgd(TwoGoals):
    """PGD that turns the reading and lowers the suspicion of the screening at once.

    A step raises the log-odds of another class where an image is not turned yet, and lowers the
    suspicion where it is, each along what does not undo the other. Kept is the least suspicious
    turned image. It knows everything of the detector but the scores of explanations, which pass no
    gradient on. Source: Bryniarski et al. 2022, section 4.2 (selective, orthogonal).
    """

    title: ClassVar[str] = "Orthogonal PGD"
    source: ClassVar[str] = "Bryniarski et al. 2022, arXiv:2106.15023"
    family: ClassVar[Family] = "knows the screening"
    targetable: ClassVar[bool] = True
    order: ClassVar[int] = 27

    steps: int = field_range(20, 1, 1000, title="Steps", help="gradient steps")

    def second(self, objective: Objective) -> Second:
        """The suspicion of the guard."""
        return lambda images, _, tick: objective.suspicion(images, tick)
