"""What iterative attacks share: what they keep, and the walk along the gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from radar_core.attacks import Perturbation
from radar_core.attacks.objective import Objective
from radar_core.params import field_flag
from radar_core.runtime import Progress


def early_stop_flag() -> Any:
    """The parameter that most iterative attacks share."""
    return field_flag(
        False,
        title="Stop at the flip",
        help="leave an image alone once it reads differently: faster, and not a step further",
    )


class History:
    """The margins of an attack, iteration by iteration, of a number of rows."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._margins: list[Tensor] = []

    def note(self, margins: Float[Tensor, " m"], rows: Int64[Tensor, " m"]) -> None:
        """One iteration of some rows; the others were not looked at."""
        seen = margins.new_full((self._rows,), torch.nan)
        seen[rows] = margins
        self._margins.append(seen)

    @property
    def margins(self) -> Tensor | None:
        """(iterations, rows) as `Perturbation` takes them."""
        return torch.stack(self._margins) if self._margins else None


class Strongest:
    """Per row, the variant that lies furthest past the decision boundary of all offered.

    Attributes:
        images, logits, margins: of the strongest so far; the clean images, at a margin of −∞,
            until something is offered.
    """

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self.images = objective.clean.clone()
        self.logits = objective.clean_logits.clone()
        self.margins = torch.full_like(self.logits[:, 0], -torch.inf)
        self._history = History(len(self.margins))

    @property
    def held(self) -> Int64[Tensor, " m"]:
        """The rows with room that nothing offered has flipped."""
        return ((self.margins <= 0) & self._objective.open).nonzero()[:, 0]

    def offer(
        self,
        images: Float[Tensor, "m 3 h w"],
        logits: Float[Tensor, "m k"],
        rows: Int64[Tensor, " m"],
    ) -> Float[Tensor, " m"]:
        """Take these variants of the images `rows` where they are stronger; gives their margins."""
        margins = self._objective.margin(logits, rows)
        better = margins > self.margins[rows]
        taken = rows[better]
        self.images[taken] = images[better]
        self.logits[taken] = logits[better]
        self.margins[taken] = margins[better]
        self._history.note(margins, rows)
        return margins

    def perturbation(self) -> Perturbation:
        """What there is to hand back."""
        return Perturbation(self.images, self.logits, self._history.margins)


def walk(
    objective: Objective,
    *,
    steps: int,
    step_size: float,
    restarts: int = 1,
    early_stop: bool = False,
    start: torch.Generator | None = None,
    direction: Callable[[Tensor, Tensor], Tensor] | None = None,
    progress: Progress,
) -> Perturbation:
    """Steps along the gradient, each projected back into the ball; the strongest iterate is kept.

    Args:
        steps: gradients of one start.
        step_size: length of a step in ε / steps.
        restarts: starts, made for the rows that no earlier one flipped.
        early_stop: an image is left alone as soon as it flips.
        start: draws of the random starts; None starts at the clean image.
        direction: what is followed in the place of the gradient, of (gradient, rows).
        progress: stepped before each pass.
    """
    strongest = Strongest(objective)
    passes = restarts * (steps + 1)
    for restart in range(restarts):
        rows = strongest.held
        images = objective.clean if start is None else objective.random_start(start, rows)
        for step in range(steps):
            if not len(rows):
                break
            progress.step((restart * (steps + 1) + step) / passes, f"step {step + 1} of {steps}")
            gradient, logits = objective.gradient(images, rows)
            if images is objective.clean:
                # All rows were passed at once, those without room among them.
                images, gradient, logits = images[rows], gradient[rows], logits[rows]
            if step or start is not None:
                margins = strongest.offer(images, logits, rows)
                if early_stop:
                    going = margins <= 0
                    rows, images, gradient = rows[going], images[going], gradient[going]
            followed = gradient if direction is None else direction(gradient, rows)
            length = step_size / steps
            images = objective.project(images + length * objective.steepest(followed, rows), rows)
        if len(rows):
            progress.step(((restart + 1) * (steps + 1) - 1) / passes, "last step")
            strongest.offer(images, objective.logits(images), rows)
    return strongest.perturbation()
