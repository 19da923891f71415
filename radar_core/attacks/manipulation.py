"""An attack that makes the explanation say what is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from radar_core.attacks import ATTACKS, Family
from radar_core.attacks.evidence import clean_shares, towards
from radar_core.attacks.objective import Objective
from radar_core.attacks.two_goals import Second, TwoGoals
from radar_core.params import field_choice

CORNERS = ("top left", "top right", "bottom left", "bottom right")


@ATTACKS.register("manipulation")
@dataclass(frozen=True)
class Manipulation(TwoGoals):
    """Draws Grad-CAM into a corner of the image, while the reading stays as it is.

    What is lowered is the share of the map outside that quarter. Source: Dombrowski et al. 2019,
    section 3, whose target is any map and whose maps are gradients; here the map is Grad-CAM, and
    the steps are those of Orthogonal PGD.
    """

    title: ClassVar[str] = "Explanation manipulation"
    source: ClassVar[str] = "Dombrowski et al. 2019, arXiv:1906.07983"
    family: ClassVar[Family] = "explanation"
    targetable: ClassVar[bool] = False
    order: ClassVar[int] = 71
    keeps: ClassVar[bool] = True

    corner: str = field_choice("top left", CORNERS, title="Corner", help="where the map goes")

    def second(self, objective: Objective) -> Second:
        """The share of the map outside the corner."""
        height, width = clean_shares(objective).shape[1:]
        outside = torch.ones((height, width), device=objective.clean.device)
        rows = slice(0, (height + 1) // 2) if "top" in self.corner else slice(height // 2, None)
        columns = slice(0, (width + 1) // 2) if "left" in self.corner else slice(width // 2, None)
        outside[rows, columns] = 0.0
        return towards(objective, lambda shares, _: (shares * outside).sum((1, 2)), own_class=False)
