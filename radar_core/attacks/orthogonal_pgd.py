"""An attack that knows the screening."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from radar_core.attacks import ATTACKS, Family, Perturbation, Placing
from radar_core.attacks.objective import Objective
from radar_core.attacks.steps import History
from radar_core.epsilon import NORM_TITLES, Norm
from radar_core.params import field_choice, field_range
from radar_core.runtime import Progress

ROUNDING = 1e-4  # of the largest value of a gradient


@ATTACKS.register("orthogonal_pgd")
@dataclass(frozen=True)
class OrthogonalPgd:
    """PGD that turns the reading and lowers the suspicion of the screening at once.

    Where an image is not turned yet, a step raises the log-odds of another class, along what does
    not change the suspicion; where it is, a step lowers the suspicion, along what does not change
    the log-odds. Kept is the least suspicious turned image, else the one nearest to turning. Knows
    everything of the detector but the scores of explanations, which pass no gradient on. Source:
    Bryniarski et al. 2022, algorithm of section 4.2 (selective, orthogonal).
    """

    title: ClassVar[str] = "Orthogonal PGD"
    source: ClassVar[str] = "Bryniarski et al. 2022, arXiv:2106.15023"
    family: ClassVar[Family] = "knows the screening"
    placing: ClassVar[Placing] = "budget"
    targetable: ClassVar[bool] = True
    order: ClassVar[int] = 27

    steps: int = field_range(20, 1, 1000, title="Steps", help="gradient steps")
    step_size: float = field_range(
        2.5, 0.1, 1000.0, step=0.1, title="Step length", unit="ε / steps"
    )
    sureness: float = field_range(
        0.5, 0.0, 10.0, step=0.1, title="Margin kept", help="in logits, past the decision boundary"
    )
    norm: Norm = field_choice("linf", NORM_TITLES, title="Norm", help="what ε bounds")

    def perturb(
        self, objective: Objective, *, generator: torch.Generator, progress: Progress
    ) -> Perturbation:
        """See `Attack.perturb`."""
        rows = objective.open.nonzero()[:, 0]
        images, logits = objective.clean.clone(), objective.clean_logits.clone()
        least = torch.full_like(logits[:, 0], torch.inf)
        furthest = torch.full_like(least, -torch.inf)
        history = History(len(images))
        moved = objective.random_start(generator, rows)
        for step in range(self.steps + 1 if len(rows) else 0):
            done, note = step / (self.steps + 1), f"step {min(step + 1, self.steps)}"
            progress.step(done, note)
            turning, seen = objective.gradient(moved, rows)
            tick = partial(progress.step, done, note)
            lowering, suspicion = objective.suspicion(moved, tick)
            margins = objective.margin(seen, rows)
            history.note(margins, rows)
            turned = margins > self.sureness
            near = furthest[rows] <= self.sureness  # nothing turned was kept yet
            better = torch.where(turned, suspicion < least[rows], near & (margins > furthest[rows]))
            taken = rows[better]
            images[taken], logits[taken] = moved[better], seen[better]
            furthest[taken] = margins[better]
            least[taken] = torch.where(turned, suspicion, torch.inf)[better]
            if step < self.steps:
                way = torch.where(
                    turned.view(-1, 1, 1, 1),
                    across(lowering, turning),
                    across(turning, lowering),
                )
                length = self.step_size / self.steps
                moved = objective.project(moved + length * objective.steepest(way, rows), rows)
        return Perturbation(images, logits, history.margins)


def across(
    gradient: Float[Tensor, "n 3 h w"], other: Float[Tensor, "n 3 h w"]
) -> Float[Tensor, "n 3 h w"]:
    """What of each gradient does not point along the other one.

    What rounding leaves where both point along one line is none: its signs would be noise.
    """
    length = other.square().sum((1, 2, 3), keepdim=True).clamp_min(1e-30)
    along = (gradient * other).sum((1, 2, 3), keepdim=True) / length
    rest = gradient - along * other
    noise = ROUNDING * gradient.abs().amax((1, 2, 3), keepdim=True)
    return rest.masked_fill(rest.abs() <= noise, 0.0)
