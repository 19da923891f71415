"""Carlini and Wagner's attack in L2: the nearest example by optimisation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from radar_core.attacks import ATTACKS, Family, Perturbation, Placing
from radar_core.attacks.losses import margin
from radar_core.attacks.objective import Objective
from radar_core.attacks.steps import History
from radar_core.epsilon import Norm
from radar_core.params import field_flag, field_range
from radar_core.runtime import Progress

BETAS = 0.9, 0.999
# Keeps tanh⁻¹ of black and white finite, as in the authors' code.
EDGE = 1 - 1e-6
# An image's own first c, in those with which a linear classifier would just be fooled.
FIRST_CONSTANT = 1.5
# Its own learning rate: Adam is at a linear boundary after so many steps, or that share of them.
STEPS_TO_BOUNDARY, SHARE_TO_BOUNDARY = 5, 0.25
# A vanishing gradient does not tell how far the boundary is.
MOST_RATE, MOST_CONSTANT = 0.1, 1e10
# A change of the lowest loss by less is none. A rise is no end: Adam overshoots, and comes back.
STALLED = 0.01


@ATTACKS.register("cw")
@dataclass(frozen=True)
class CarliniWagner:
    """Adam on ‖δ‖₂² + c·max(κ − margin, 0), with the smallest c that still flips the image.

    The image is ½(tanh w + 1), which stays in [0, 1] of itself, and w is what is optimised. The
    margin is taken of logits: of the best other class over the class read, or of the target over
    the best other class. It depends on neither their sign nor a common offset. c is multiplied by
    ten until the image flips, then bisected, for each image by itself; each c starts anew at the
    clean image. The nearest of all examples passed with a margin over κ is kept. Source: Carlini &
    Wagner 2017, sections V and VI (f₆).

    Unlike there, an image has by default a learning rate and a first c of its own, by the gradient
    at the clean image. One learning rate for all, 0.01 there, makes a first step at 224 px that is
    many times as long as the way to the boundary. And each image is left by itself when its loss
    has settled, in their code the whole batch.
    """

    title: ClassVar[str] = "C&W"
    source: ClassVar[str] = "Carlini & Wagner 2017, arXiv:1608.04644"
    family: ClassVar[Family] = "minimum norm"
    placing: ClassVar[Placing] = "distance"
    norm: ClassVar[Norm] = "l2"
    targetable: ClassVar[bool] = True
    order: ClassVar[int] = 45

    binary_steps: int = field_range(5, 1, 20, title="Constants", help="values of c tried in turn")
    steps: int = field_range(20, 2, 10000, title="Steps", help="of Adam, with each c")
    step_size: float = field_range(
        0.0,
        0.0,
        1.0,
        step=0.001,
        title="Learning rate",
        unit="w",
        help="0: each image's own, by its gradient",
    )
    initial_const: float = field_range(
        0.0, 0.0, 1e6, step=0.001, title="First c", help="0: each image's own, by its gradient"
    )
    confidence: float = field_range(
        0.0, 0.0, 100.0, step=0.5, title="Confidence κ", unit="logits", help="margin to be exceeded"
    )
    abort_early: bool = field_flag(
        True, title="Abort early", help="leave a c when a tenth of the steps changed nothing"
    )

    def perturb(
        self, objective: Objective, *, generator: torch.Generator, progress: Progress
    ) -> Perturbation:
        """See `Attack.perturb`; nothing is drawn."""
        progress.step(0.0, "gradient")
        slope, logits = objective.gradient(objective.clean, loss=margin)
        short = self.confidence - objective.margin(logits)
        rates, constants = self._scales(objective.clean, slope, short)
        # Where no pixel has a gradient, w would never move.
        rows = (objective.open & (rates > 0)).nonzero()[:, 0]
        nearest = _Nearest(objective)
        low, high = torch.zeros_like(constants), torch.full_like(constants, torch.inf)
        for turn in range(self.binary_steps):
            part = progress.part(turn / self.binary_steps, (turn + 1) / self.binary_steps)
            part.step(0.0, f"c {turn + 1} of {self.binary_steps}")
            path = _Path(objective.clean, rows, rates)
            path.step(slope[rows], constants[rows] * (short[rows] > 0))
            flipped = self._descend(objective, path, constants, nearest, part)
            high = torch.where(flipped, constants, high)
            low = torch.where(flipped, low, constants)
            constants = torch.where(high.isinf(), 10 * constants, (low + high) / 2)
        return nearest.perturbation()

    def _scales(
        self,
        clean: Float[Tensor, "n 3 h w"],
        slope: Float[Tensor, "n 3 h w"],
        short: Float[Tensor, " n"],
    ) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
        """Learning rate and first c of each image; a rate of zero where there is no gradient.

        Were margins linear in the pixels, with gradient g and m short of κ, the best δ would reach
        κ from c = 2m / ‖g‖₂² on, and Adam, which moves all of w alike at first, would come nearer
        to it by the rate times ‖∂margin/∂w‖₁ in a step.
        """
        short = short.clamp_min(1e-6)  # a reading on the boundary
        by_w = (slope * _tanh_slope((2 * clean - 1) * EDGE)).abs().sum((1, 2, 3))
        steps = min(STEPS_TO_BOUNDARY, SHARE_TO_BOUNDARY * self.steps)
        rates = (short / (steps * by_w)).clamp_max(MOST_RATE)
        constants = FIRST_CONSTANT * 2 * short / slope.square().sum((1, 2, 3))
        if self.step_size:
            rates = torch.full_like(rates, self.step_size)
        if self.initial_const:
            constants = torch.full_like(constants, self.initial_const)
        return rates.masked_fill(by_w == 0, 0.0), constants.clamp_max(MOST_CONSTANT)

    def _descend(
        self,
        objective: Objective,
        path: _Path,
        constants: Float[Tensor, " n"],
        nearest: _Nearest,
        progress: Progress,
    ) -> Bool[Tensor, " n"]:
        """All steps with one c an image; gives the images that flipped at any of them.

        The pass of the clean images is the first of the steps, so that it is made once for all c.
        """
        flipped = torch.zeros_like(objective.open)
        before, lately = (torch.full_like(constants, torch.inf) for _ in range(2))
        window = math.ceil(self.steps / 10)
        for step in range(1, self.steps):
            rows = path.rows
            if not len(rows):
                break
            progress.step(step / self.steps)
            gradient, logits = objective.gradient(path.images, rows, loss=margin)
            margins = objective.margin(logits, rows)
            squared = path.change.square().sum((1, 2, 3))
            flipped[rows] |= nearest.offer(
                path.images, logits, squared, margins, self.confidence, rows
            )
            short = (self.confidence - margins).clamp_min(0)
            lately[rows] = torch.minimum(lately[rows], squared + constants[rows] * short)
            pull = constants[rows] * (short > 0)
            if self.abort_early and step % window == 0:
                going = ~((lately / before - 1).abs() <= STALLED)[rows]
                before, lately = lately, torch.full_like(lately, torch.inf)
                path.keep(going)
                gradient, pull = gradient[going], pull[going]
            if step + 1 < self.steps:
                path.step(gradient, pull)
        return flipped


def _tanh_slope(tanh: Tensor) -> Tensor:
    """The derivative of ½(tanh w + 1) by w, of tanh w."""
    return (1 - tanh.square()) / 2


class _Nearest:
    """Per image, the nearest of the examples offered; clean images until there is one."""

    def __init__(self, objective: Objective) -> None:
        self._images, self._logits = objective.clean.clone(), objective.clean_logits.clone()
        self._squared = torch.full_like(self._logits[:, 0], torch.inf)
        self._history = History(len(self._squared))

    def offer(
        self,
        images: Float[Tensor, "m 3 h w"],
        logits: Float[Tensor, "m k"],
        squared: Float[Tensor, " m"],
        margins: Float[Tensor, " m"],
        least: float,
        rows: Int64[Tensor, " m"],
    ) -> Bool[Tensor, " m"]:
        """Take those with a margin over `least` that are nearer; gives all with such a margin."""
        good = margins > least
        nearer = good & (squared < self._squared[rows])
        taken = rows[nearer]
        self._images[taken] = images[nearer]
        self._logits[taken] = logits[nearer]
        self._squared[taken] = squared[nearer]
        self._history.note(margins, rows)
        return good

    def perturbation(self) -> Perturbation:
        """What there is to hand back."""
        return Perturbation(self._images, self._logits, self._history.margins)


class _Path:
    """Some images on their way through the space of w, by Adam, from the clean ones on.

    The image is the clean one plus ½(tanh w − tanh w₀): exactly clean where w has not changed,
    black and white pixels included, whose w₀ has to be finite.

    Attributes:
        rows: (m,) which images.
        images: (m, 3, h, w), and `change`, what they differ by from the clean ones.
    """

    def __init__(
        self, clean: Float[Tensor, "n 3 h w"], rows: Int64[Tensor, " m"], rates: Float[Tensor, " n"]
    ) -> None:
        self.rows = rows
        self.images = self._clean = clean[rows]
        self.change = torch.zeros_like(self.images)
        self._rates = rates[rows].view(-1, 1, 1, 1)
        self._w = ((2 * self.images - 1) * EDGE).atanh()
        self._tanh = self._start = self._w.tanh()
        self._mean, self._square = torch.zeros_like(self._w), torch.zeros_like(self._w)
        self._count = 0

    def step(self, gradient: Float[Tensor, "m 3 h w"], pull: Float[Tensor, " m"]) -> None:
        """One step of Adam.

        Args:
            gradient: of the margin by the pixels.
            pull: c, or 0 where the margin is over κ and only the distance counts.
        """
        slope = (2 * self.change).addcmul_(gradient, pull.view(-1, 1, 1, 1), value=-1)
        slope *= _tanh_slope(self._tanh)
        self._count += 1
        self._mean.lerp_(slope, 1 - BETAS[0])
        self._square.mul_(BETAS[1]).addcmul_(slope, slope, value=1 - BETAS[1])
        mean = self._mean / (1 - BETAS[0] ** self._count)
        root = (self._square / (1 - BETAS[1] ** self._count)).sqrt_().add_(1e-8)
        self._w -= self._rates * mean.div_(root)
        self._tanh = self._w.tanh()
        self.images = (self._tanh - self._start).div_(2).add_(self._clean).clamp_(0, 1)
        self.change = self.images - self._clean

    def keep(self, going: Bool[Tensor, " m"]) -> None:
        """Go on with some of the images."""
        if not bool(going.all()):
            for name, value in vars(self).items():
                if isinstance(value, Tensor):
                    setattr(self, name, value[going])
