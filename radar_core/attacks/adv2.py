"""An attack that turns the reading and keeps the explanation."""

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

OF = {"clean": "the class read in the clean image", "own": "the class read in the image itself"}


@ATTACKS.register("adv2")
@dataclass(frozen=True)
class Adv2:
    """Turns the reading while Grad-CAM stays as it is in the clean image.

    What is kept small is the squared distance of the two maps, each as shares of its whole. Against
    it, comparing explanations uncovers nothing. The goal is that of Zhang et al. 2020, eq. 2, with
    Grad-CAM for the map; the steps are those of Orthogonal PGD, in the place of their weighting.
    """

    title: ClassVar[str] = "ADV²"
    source: ClassVar[str] = "Zhang et al. 2020, arXiv:1812.00891"
    family: ClassVar[Family] = "gradient"
    placing: ClassVar[Placing] = "budget"
    targetable: ClassVar[bool] = True
    order: ClassVar[int] = 28

    steps: int = field_range(40, 1, 1000, title="Steps", help="gradient steps")
    step_size: float = field_range(
        2.5, 0.1, 1000.0, step=0.1, title="Step length", unit="ε / steps"
    )
    sureness: float = field_range(
        0.5, 0.0, 10.0, step=0.1, title="Margin kept", help="in logits, past the decision boundary"
    )
    of: str = field_choice("clean", OF, title="Map kept", help="whose map stays as it is")
    norm: Norm = field_choice("linf", NORM_TITLES, title="Norm", help="what ε bounds")

    def perturb(
        self, objective: Objective, *, generator: torch.Generator, progress: Progress
    ) -> Perturbation:
        """See `Attack.perturb`.

        Raises:
            BadModel: the model has no layer for Grad-CAM.
        """
        progress.step(0.0, "the clean map")
        wanted = clean_shares(objective)
        return two_goals(
            objective,
            towards(
                objective,
                lambda shares, rows: (shares - wanted[rows]).square().sum((1, 2)),
                own_class=self.of == "own",
            ),
            steps=self.steps,
            step_size=self.step_size,
            sureness=self.sureness,
            generator=generator,
            progress=progress,
        )
