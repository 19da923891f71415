"""Attacks with two goals: what is read, and something else that is to be low meanwhile."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from radar_core.attacks import Perturbation, Placing
from radar_core.attacks.objective import Objective
from radar_core.attacks.steps import History
from radar_core.epsilon import NORM_TITLES, Norm
from radar_core.params import field_choice, field_range
from radar_core.runtime import Progress

ROUNDING = 1e-4  # of the largest value of a gradient
Second = Callable[
    [Float[Tensor, "m 3 h w"], Int64[Tensor, " m"], Callable[[], None]],
    tuple[Float[Tensor, "m 3 h w"], Float[Tensor, " m"]],
]


@dataclass(frozen=True)
class TwoGoals(ABC):
    """What attacks with two goals share; each says what its second value is.

    Attributes:
        keeps: the reading is to stay as it is; else it is to turn.
    """

    placing: ClassVar[Placing] = "budget"
    keeps: ClassVar[bool] = False

    steps: int = field_range(40, 1, 1000, title="Steps", help="gradient steps")
    step_size: float = field_range(
        2.5, 0.1, 1000.0, step=0.1, title="Step length", unit="ε / steps"
    )
    sureness: float = field_range(
        0.5, 0.0, 10.0, step=0.1, title="Margin kept", help="in logits, from the decision boundary"
    )
    norm: Norm = field_choice("linf", NORM_TITLES, title="Norm", help="what ε bounds")

    @abstractmethod
    def second(self, objective: Objective) -> Second:
        """What is to be low, and the way there."""

    def perturb(
        self, objective: Objective, *, generator: torch.Generator, progress: Progress
    ) -> Perturbation:
        """See `Attack.perturb`.

        Raises:
            BadModel: the model lacks what the second value is made of.
        """
        progress.step(0.0, "the clean image")
        return two_goals(
            objective,
            self.second(objective),
            keeps=self.keeps,
            steps=self.steps,
            step_size=self.step_size,
            sureness=self.sureness,
            generator=generator,
            progress=progress,
        )


def two_goals(
    objective: Objective,
    second: Second,
    *,
    keeps: bool = False,
    steps: int,
    step_size: float,
    sureness: float,
    generator: torch.Generator,
    progress: Progress,
) -> Perturbation:
    """One goal a step, along what does not undo the other one.

    Where an image is not read as it is to be, a step mends that, along what does not change the
    second value; where it is, a step lowers the second value, along what does not change the
    log-odds. Kept is the image of the lowest second value of those that are read as they are to be,
    else the one nearest to it. Source: Bryniarski et al. 2022, arXiv:2106.15023, section 4.2
    (selective, orthogonal).

    Args:
        second: of images, their rows, and a function to call before each pass: the direction that
            lowers the second value, and the value.
        keeps: the reading is to stay as it is; else it is to turn.
        steps, step_size: as in `steps.walk`.
        sureness: how far from the decision boundary, in logits, a reading counts.
    """
    rows = objective.open.nonzero()[:, 0]
    images, logits = objective.clean.clone(), objective.clean_logits.clone()
    least = torch.full_like(logits[:, 0], torch.inf)
    nearest = torch.full_like(least, -torch.inf)
    history = History(len(images))
    moved = objective.random_start(generator, rows)
    for step in range(steps + 1 if len(rows) else 0):
        done, note = step / (steps + 1), f"step {min(step + 1, steps)}"
        progress.step(done, note)
        mending, seen = objective.gradient(moved, rows)
        lowering, value = second(moved, rows, partial(progress.step, done, note))
        margins = objective.margin(seen, rows)
        history.note(margins, rows)
        if keeps:
            mending, margins = -mending, -margins
        fulfilled = margins > sureness
        none_yet = nearest[rows] <= sureness
        better = torch.where(fulfilled, value < least[rows], none_yet & (margins > nearest[rows]))
        taken = rows[better]
        images[taken], logits[taken] = moved[better], seen[better]
        nearest[taken] = margins[better]
        least[taken] = torch.where(fulfilled, value, torch.inf)[better]
        if step < steps:
            way = torch.where(
                fulfilled.view(-1, 1, 1, 1), across(lowering, mending), across(mending, lowering)
            )
            length = step_size / steps
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
