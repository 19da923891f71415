"""An attack that turns the reading and keeps the explanation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from radar_core.attacks import ATTACKS, Family
from radar_core.attacks.evidence import clean_shares, towards
from radar_core.attacks.objective import Objective
from radar_core.attacks.two_goals import Second, TwoGoals
from radar_core.params import field_choice

OF = {"clean": "the class read in the clean image", "own": "the class read in the image itself"}


@ATTACKS.register("adv2")
@dataclass(frozen=True)
class Adv2(TwoGoals):
    """Turns the reading while Grad-CAM stays as it is in the clean image.

    What is kept small is the squared distance of the two maps, each as shares of its whole. Against
    it, comparing explanations uncovers nothing. The goal is that of Zhang et al. 2020, eq. 2, with
    Grad-CAM for the map; the steps are those of Orthogonal PGD, in the place of their weighting.
    """

    title: ClassVar[str] = "ADV²"
    source: ClassVar[str] = "Zhang et al. 2020, arXiv:1812.00891"
    family: ClassVar[Family] = "gradient"
    targetable: ClassVar[bool] = True
    order: ClassVar[int] = 28

    of: str = field_choice("clean", OF, title="Map kept", help="whose map stays as it is")

    def second(self, objective: Objective) -> Second:
        """The squared distance of the map from the clean one."""
        wanted = clean_shares(objective)
        return towards(
            objective,
            lambda shares, rows: (shares - wanted[rows]).square().sum((1, 2)),
            own_class=self.of == "own",
        )
