"""The universal adversarial perturbation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from radar_core.attacks import ATTACKS, Family, Perturbation, Placing
from radar_core.attacks.axis import rows_at_once
from radar_core.attacks.losses import margin
from radar_core.attacks.objective import Objective
from radar_core.epsilon import Norm, parse_epsilon
from radar_core.errors import BadModel, BadParameter
from radar_core.models.classifier import Classifier
from radar_core.params import field_range
from radar_core.runtime import Progress, halving


@ATTACKS.register("uap")
@dataclass(frozen=True)
class Uap:
    """One pattern, fitted beforehand, that is added to every image: x + ε·v, ‖v‖∞ ≤ 1.

    Its fooling rate is the share it flips of images that it was not fitted on. On those that it was
    fitted on the share is another number, and flatters: there it has learnt the images too. The
    RADAR-MIX authors tested it on the images it was fitted on.

    The problem is that of Moosavi-Dezfooli et al. 2017. It is solved by signed gradient ascent on
    small batches (Shafahi et al. 2020, arXiv:1811.11304, algorithm 2), which costs a gradient an
    image and epoch where the first algorithm runs DeepFool. As there, the loss of an image is
    clipped, lest a few that are far over drown the others: it is the margin in logits, counted
    up to `clip` times the mean margin of the clean images, so that the scale of a model's logits
    does not matter. Two things are added: the step follows an average of the gradients so far
    (momentum, as Dong et al. 2018), and falls linearly to zero.
    """

    title: ClassVar[str] = "UAP"
    source: ClassVar[str] = "Moosavi-Dezfooli et al. 2017, arXiv:1610.08401"
    family: ClassVar[Family] = "universal"
    placing: ClassVar[Placing] = "budget"
    norm: ClassVar[Norm] = "linf"
    targetable: ClassVar[bool] = True
    order: ClassVar[int] = 50

    fitted_eps: float = field_range(
        8.0, 0.5, 64.0, step=0.5, title="Fitted for ε", unit="/255", help="applied at any ε"
    )
    epochs: int = field_range(5, 1, 200, title="Epochs", help="times that each image is used")
    batch: int = field_range(8, 1, 256, title="Batch", help="images a step")
    step_size: float = field_range(
        6.0, 0.1, 1000.0, step=0.1, title="Step length", unit="ε / steps", help="on average"
    )
    momentum: float = field_range(0.9, 0.0, 1.0, step=0.05, title="Momentum μ")
    clip: float = field_range(
        5.0,
        0.0,
        1000.0,
        step=0.5,
        title="Loss counted up to",
        unit="mean clean margins",
        help="low: more of the images it is fitted on; high: the pattern carries over better",
    )

    @property
    def fitted_at(self) -> str:
        """The ε it is fitted for, as `radar_core.epsilon` reads it."""
        return f"{self.fitted_eps:g}/255"

    def perturb(
        self, objective: Objective, *, generator: torch.Generator, progress: Progress
    ) -> Perturbation:
        """See `Attack.perturb`; nothing is drawn."""
        assert objective.pattern is not None, "whoever makes the objective hands the pattern over"
        progress.step(0.0, "pattern")
        return Perturbation(
            objective.project(objective.clean + objective.radii * objective.pattern)
        )

    def fit(
        self,
        model: Classifier,
        images: Float[Tensor, "n 3 h w"],
        goal: int | None,
        *,
        generator: torch.Generator,
        progress: Progress,
    ) -> Float[Tensor, "3 h w"]:
        """See `Universal.fit`. Images that are read as the goal already are left out.

        Raises:
            BadParameter: all of them are.
            BadModel: logits that are not numbers.
        """
        progress.step(0.0, "reading")
        rows = rows_at_once(model, min(self.batch, len(images)))
        logits = _read(model, images, rows, progress.part(0.0, 0.1))
        classes = logits.softmax(1).argmax(1)
        if goal is not None:
            away = classes != goal
            images, logits = images[away], logits[away]
            classes = torch.full_like(classes[away], goal)
            if not len(images):
                raise BadParameter(
                    f"every image given is read as {model.class_names[goal]} already; "
                    "fit on images of other classes"
                )
        reach = self.clip * float(margin(logits, classes).abs().mean())
        radius = parse_epsilon(self.fitted_at).value
        pattern = torch.zeros_like(images[0])
        average = torch.zeros_like(pattern)
        steps = self.epochs * -(-len(images) // self.batch)
        step = 0
        for _ in range(self.epochs):
            order = torch.randperm(len(images), generator=generator).to(images.device)
            for some in order.split(self.batch):
                moved = (images[some] + radius * pattern).clamp(0, 1)
                share = progress.part(0.1 + 0.9 * step / steps, 0.1 + 0.9 * (step + 1) / steps)
                ascent = _ascent(model, moved, classes[some], goal is not None, reach, rows, share)
                average = self.momentum * average + ascent
                length = 2 * self.step_size * (steps - step) / (steps * (steps + 1))
                pattern = (pattern + length * average.sign()).clamp(-1, 1)
                step += 1
        return pattern


@torch.no_grad()
def _read(
    model: Classifier, images: Float[Tensor, "n 3 h w"], rows: int, progress: Progress
) -> Float[Tensor, "n k"]:
    """Logits of all images, at most `rows` at a time."""

    def part(low: int, high: int) -> Tensor:
        progress.step(low / len(images), "reading")
        logits: Tensor = model(images[low:high])
        return logits

    logits = torch.cat(halving(len(images), rows, part, lambda _: None))
    if not bool(logits.isfinite().all()):
        raise BadModel(f"{model.name} gives logits that are not numbers; check its weights")
    return logits


def _ascent(
    model: Classifier,
    images: Float[Tensor, "n 3 h w"],
    classes: Int64[Tensor, " n"],
    targeted: bool,
    reach: float,
    rows: int,
    progress: Progress,
) -> Float[Tensor, "3 h w"]:
    """What raises the sum of the images' losses, at a mean absolute value of 1.

    The gradient is that at the images as the model sees them. That cutting to [0, 1] stops it is
    left out: a value at the rim can move back.
    """

    def part(low: int, high: int) -> Tensor:
        progress.step(low / len(images), "fitting")
        with torch.enable_grad():
            leaf = images[low:high].detach().requires_grad_()
            margins = margin(model(leaf), classes[low:high])
            loss = (-margins if targeted else margins).clamp_max(reach).sum()
        if not loss.requires_grad:
            return torch.zeros_like(images[0])
        (gradient,) = torch.autograd.grad(loss, leaf, allow_unused=True)
        return torch.zeros_like(leaf[0]) if gradient is None else gradient.nan_to_num(0.0).sum(0)

    whole = torch.stack(halving(len(images), rows, part, lambda _: None)).sum(0)
    return whole / whole.abs().mean().clamp_min(torch.finfo(whole.dtype).tiny)
