"""An attack that makes the explanation say what is wanted."""

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

CORNERS = {
    "top left": "top left",
    "top right": "top right",
    "bottom left": "bottom left",
    "bottom right": "bottom right",
}


@ATTACKS.register("manipulation")
@dataclass(frozen=True)
class Manipulation:
    """Draws Grad-CAM into a corner of the image, while the reading stays as it is.

    What is lowered is the share of the map outside that quarter. Source: Dombrowski et al. 2019,
    section 3, whose target is any map and whose maps are gradients; here the map is Grad-CAM, and
    the steps are those of Orthogonal PGD.
    """

    title: ClassVar[str] = "Explanation manipulation"
    source: ClassVar[str] = "Dombrowski et al. 2019, arXiv:1906.07983"
    family: ClassVar[Family] = "explanation"
    placing: ClassVar[Placing] = "budget"
    targetable: ClassVar[bool] = False
    order: ClassVar[int] = 71

    steps: int = field_range(40, 1, 1000, title="Steps", help="gradient steps")
    step_size: float = field_range(
        2.5, 0.1, 1000.0, step=0.1, title="Step length", unit="ε / steps"
    )
    corner: str = field_choice("top left", CORNERS, title="Corner", help="where the map goes")
    norm: Norm = field_choice("linf", NORM_TITLES, title="Norm", help="what ε bounds")

    def perturb(
        self, objective: Objective, *, generator: torch.Generator, progress: Progress
    ) -> Perturbation:
        """See `Attack.perturb`.

        Raises:
            BadModel: the model has no layer for Grad-CAM.
        """
        progress.step(0.0, "the clean map")
        height, width = clean_shares(objective).shape[1:]
        outside = torch.ones((height, width), device=objective.clean.device)
        rows = slice(0, (height + 1) // 2) if "top" in self.corner else slice(height // 2, None)
        columns = slice(0, (width + 1) // 2) if "left" in self.corner else slice(width // 2, None)
        outside[rows, columns] = 0.0
        return two_goals(
            objective,
            towards(
                objective,
                lambda shares, _: (shares * outside).sum((1, 2)),
                own_class=False,
            ),
            keeps=True,
            steps=self.steps,
            step_size=self.step_size,
            sureness=0.0,
            generator=generator,
            progress=progress,
        )
