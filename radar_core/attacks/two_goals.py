"""Attacks with two goals: what is read, and something else that is to be low meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from radar_core.attacks import Perturbation
from radar_core.attacks.objective import Objective
from radar_core.attacks.steps import History
from radar_core.runtime import Progress

ROUNDING = 1e-4  # of the largest value of a gradient
Second = Callable[
    [Float[Tensor, "m 3 h w"], Int64[Tensor, " m"], Callable[[], None]],
    tuple[Float[Tensor, "m 3 h w"], Float[Tensor, " m"]],
]


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
