"""Attacks and benign controls, one file each. `ATTACKS` finds them; `radar_core.api` runs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

from radar_core.registry import Registry

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from radar_core.attacks.objective import Objective
    from radar_core.epsilon import Norm
    from radar_core.models.classifier import Classifier
    from radar_core.runtime import Progress

Family = Literal[
    "gradient",
    "minimum norm",
    "universal",
    "black box",
    "knows the screening",
    "explanation",
    "benign",
]
Placing = Literal["budget", "distance", "own"]


@dataclass(frozen=True, eq=False)
class Perturbation:
    """What an attack hands back.

    Attributes:
        images: (n, 3, h, w) float32 adversarial examples, detached, in the order of the objective's
            rows. An attack that seeks the nearest example gives the clean image where it found
            none.
        logits: (n, k) what the model gave for exactly these images, where the attack has seen it;
            None has them read once more.
        history: (iterations, n) margin at each iteration, NaN where an image was not looked at.
        facts: what the attack states about its run; whole numbers are added up over batches.
    """

    images: Tensor
    logits: Tensor | None = None
    history: Tensor | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class Attack(Protocol):
    """What a file of this folder registers: a frozen dataclass of parameters with one method.

    Attributes:
        family: what kind of attack it is. *benign* is no attack but a control: a harmless change.
            One on the *explanation* moves that, and keeps the reading: *held* is what it aims at.
            One that *knows the screening* lowers the suspicion of a detector, `Objective.guard`.
        placing: how it takes its place on an ε axis. *budget*: it stays within the ε given.
            *distance*: it seeks the nearest example, is given no ε, and stands at the distance it
            found. *own*: its strength is a parameter of its own, and ε means nothing to it.
        norm: what ε bounds, or the distance is measured in; may be one of the parameters.
        targetable: whether it can be told which class to reach.
        order: the place in lists.
    """

    title: ClassVar[str]
    source: ClassVar[str]
    family: ClassVar[Family]
    placing: ClassVar[Placing]
    targetable: ClassVar[bool]
    order: ClassVar[int]

    @property
    def norm(self) -> Norm:
        """See above; a class variable or a field does."""
        ...

    def perturb(
        self, objective: Objective, *, generator: torch.Generator, progress: Progress
    ) -> Perturbation:
        """Adversarial examples of a batch.

        Args:
            objective: the clean images, what is to be read in their stead, how far they may be
                moved, and the model's passes. A row is an image at an ε. The model is held by the
                caller: evaluation mode, parameters without gradients.
            generator: the only source of randomness (a CPU generator). Draw for one image and let
                all share the draw, so that an image's result does not depend on its company.
            progress: stepped at least once per model pass; raises `Cancelled` when no longer
                wanted.
        """
        ...


@runtime_checkable
class Universal(Attack, Protocol):
    """An attack of the family *universal*: one perturbation for all images, fitted beforehand.

    Its `perturb` adds `Objective.pattern` times ε. `fitted_at` is the ε it is fitted for, as
    `radar_core.epsilon` reads it.
    """

    @property
    def fitted_at(self) -> str:
        """See above."""
        ...

    def fit(
        self,
        model: Classifier,
        images: Tensor,
        goal: int | None,
        *,
        generator: torch.Generator,
        progress: Progress,
    ) -> Tensor:
        """A (3, h, w) pattern of L∞ norm at most 1 that flips as many of the images as it can.

        Args:
            model: held by the caller.
            images: (n, 3, h, w) on its device.
            goal: the class to reach, or None.
            generator, progress: as in `perturb`. Passes are kept within `axis.rows_at_once`.
        """
        ...


ATTACKS: Registry[Attack] = Registry("attack", __name__)
