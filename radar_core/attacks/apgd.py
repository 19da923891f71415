"""Auto-PGD."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal

import torch
from torch import Tensor

from radar_core.attacks import ATTACKS, Family, Perturbation, Placing
from radar_core.attacks.losses import dlr, log_odds, targeted_dlr
from radar_core.attacks.objective import Objective
from radar_core.attacks.room import ALL, Rows
from radar_core.attacks.steps import Strongest, early_stop_flag
from radar_core.epsilon import NORM_TITLES, Norm
from radar_core.params import field_choice, field_range
from radar_core.runtime import Progress

Loss = Callable[[Tensor, Tensor], Tensor]
LOSS_TITLES = {"ce": "Cross-entropy", "dlr": "Difference of logits ratio"}
FIRST_STEP = 2.0  # in ε
RHO = 0.75
ALPHA = 0.75


def checkpoints(steps: int) -> tuple[int, ...]:
    """The steps w_j after which the step length is judged, without w_0 = 0.

    The first comes after 0.22 of the steps, and each next gap is 0.03 of them shorter, down to
    0.06: p_{j+1} = p_j + max(p_j − p_{j−1} − 0.03, 0.06). The gaps are rounded down to whole steps,
    but to no less than one, as in the authors' code. For 100 steps these are the paper's
    w_j = ⌈p_j·steps⌉; in a run of few steps they come sooner.

    Source: Croce & Hein 2020, section 3.
    """
    gap, shorter, least = (max(1, share * steps // 100) for share in (22, 3, 6))
    found, now = [], gap
    while now <= steps:
        found.append(now)
        gap = max(gap - shorter, least)
        now += gap
    return tuple(found)


@ATTACKS.register("apgd")
@dataclass(frozen=True)
class AutoPgd:
    """PGD that finds its own step length: 2ε at first, halved where an image makes no progress.

    z ← P(x_k + η·∇L), x_{k+1} ← P(x_k + α(z − x_k) + (1 − α)(x_k − x_{k−1})), α = 0.75. At each
    checkpoint η is halved, and the image goes back to where its loss was best, if fewer than
    ρ = 0.75 of the steps since the last one raised the loss (condition 1), or if neither η nor the
    best loss changed since then (condition 2). A further start is made for the images that no
    earlier one flipped. The example kept is the one furthest past the decision boundary.

    Cross-entropy is raised through the log-odds, which grow with it and do not vanish in float32.
    The DLR loss is its targeted form where there is a target. It needs three classes, four with a
    target; with fewer the margin takes its place. The authors run 100 steps.

    Source: Croce & Hein 2020, algorithm 1. As in their code, a checkpoint comes before the next
    step is made, not after it, so that no pass is spent on an image that is then given up.
    """

    title: ClassVar[str] = "Auto-PGD"
    source: ClassVar[str] = "Croce & Hein 2020, arXiv:2003.01690"
    family: ClassVar[Family] = "gradient"
    placing: ClassVar[Placing] = "budget"
    targetable: ClassVar[bool] = True
    order: ClassVar[int] = 30

    steps: int = field_range(20, 1, 1000, title="Steps", help="gradient steps of one start")
    restarts: int = field_range(1, 1, 50, title="Starts", help="random starts, until one flips")
    loss: Literal["ce", "dlr"] = field_choice(
        "ce", LOSS_TITLES, title="Loss", help="what is raised"
    )
    norm: Norm = field_choice("linf", NORM_TITLES, title="Norm", help="what ε bounds")
    early_stop: bool = early_stop_flag()

    def perturb(
        self, objective: Objective, *, generator: torch.Generator, progress: Progress
    ) -> Perturbation:
        """See `Attack.perturb`."""
        strongest, loss_of = Strongest(objective), self._losses(objective)
        sign = -1 if objective.targeted else 1
        passes, checked = self.restarts * (self.steps + 1), checkpoints(self.steps)
        for restart in range(self.restarts):
            rows = strongest.held
            if not len(rows):
                break
            climb = Climb(objective, objective.random_start(generator, rows), rows)
            last = 0
            for step in range(self.steps):
                done = restart * (self.steps + 1) + step
                progress.step(done / passes, f"step {step + 1} of {self.steps}")
                loss = loss_of(climb.rows)
                gradient, logits = objective.gradient(climb.images, climb.selected, loss)
                margins = strongest.offer(climb.images, logits, climb.rows)
                climb.arrive(gradient, sign * loss(logits, objective.classes[climb.selected]))
                if self.early_stop:
                    climb.keep(margins <= 0)
                    if not len(climb.rows):
                        break
                if step in checked:
                    climb.judge(step - last)
                    last = step
                climb.move()
            else:
                progress.step(((restart + 1) * (self.steps + 1) - 1) / passes, "last step")
                strongest.offer(climb.images, objective.logits(climb.images), climb.rows)
        return strongest.perturbation()

    def _losses(self, objective: Objective) -> Callable[[Tensor], Loss]:
        """The loss for the rows given, to be raised for a class to leave."""
        if self.loss == "ce":
            return lambda _: log_odds
        if not objective.targeted:
            return lambda _: dlr
        origins = objective.clean_logits.softmax(1).argmax(1)
        return lambda rows: partial(targeted_dlr, origins=origins[rows])


class Climb:
    """Where each row of one start stands.

    Attributes:
        rows: (m,) the rows still on their way.
        images: (m, 3, h, w) the iterates x_k.
        step: (m, 1, 1, 1) the step length η in ε.
    """

    def __init__(self, objective: Objective, images: Tensor, rows: Tensor) -> None:
        self._objective = objective
        number = torch.zeros(len(rows), device=images.device)
        self.rows = rows
        self.images = self._previous = images
        self.step = torch.full_like(number, FIRST_STEP).view(-1, 1, 1, 1)
        self._started = False
        self._gradient = self._best_gradient = self._best_images = images
        self._loss = self._best_loss = self._best_at_check = number
        self._rises = number
        self._halved = number > 0

    def _each(self) -> dict[str, Tensor]:
        return {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}

    @property
    def selected(self) -> Rows:
        """`rows`, in a form that copies nothing where they are all rows there are."""
        return ALL if len(self.rows) == len(self._objective.clean) else self.rows

    def arrive(self, gradient: Tensor, loss: Tensor) -> None:
        """Take note of the gradient and the loss, which is to be raised, at the iterates."""
        if self._started:
            self._rises = self._rises + (loss > self._loss)
            better = loss > self._best_loss
            self._best_loss = torch.where(better, loss, self._best_loss)
            better = better.view(-1, 1, 1, 1)
            self._best_images = torch.where(better, self.images, self._best_images)
            self._best_gradient = torch.where(better, gradient, self._best_gradient)
        else:
            self._best_images, self._best_gradient = self.images, gradient
            self._best_loss = self._best_at_check = loss
        self._gradient, self._loss = gradient, loss

    def keep(self, which: Tensor) -> None:
        """Leave the other rows alone from here on."""
        if bool(which.all()):
            return
        for name, value in self._each().items():
            setattr(self, name, value[which])

    def judge(self, steps: int) -> None:
        """Halve η where the last `steps` steps got nowhere, and go back to the best iterate."""
        seldom = self._rises < RHO * steps
        nowhere = ~self._halved & (self._best_loss == self._best_at_check)
        self._halved = seldom | nowhere
        self._best_at_check = self._best_loss
        self._rises = torch.zeros_like(self._rises)
        self._loss = torch.where(self._halved, self._best_loss, self._loss)
        back = self._halved.view(-1, 1, 1, 1)
        self.step = torch.where(back, self.step / 2, self.step)
        self.images = torch.where(back, self._best_images, self.images)
        self._gradient = torch.where(back, self._best_gradient, self._gradient)

    def move(self) -> None:
        """One step along the gradient, with momentum once there is an earlier one."""
        here, rows, objective = self.images, self.selected, self._objective
        ahead = here.addcmul(self.step, objective.steepest(self._gradient, rows))
        ahead = objective.project(ahead, rows)
        if self._started:
            ahead = here.lerp(ahead, ALPHA).add_(here - self._previous, alpha=1 - ALPHA)
            ahead = objective.project(ahead, rows)
        self.images, self._previous, self._started = ahead, here, True
