"""Attacks, one file each. `ATTACKS` finds them; `radar_core.api.attack` runs them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from radar_core.registry import Registry

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from radar_core.attacks.objective import Objective
    from radar_core.runtime import Progress


@dataclass(frozen=True, eq=False)
class Perturbation:
    """What an attack hands back.

    Attributes:
        images: (n, 3, h, w) float32 adversarial examples, detached.
        logits: (n, k) what the model gave for exactly these images, where the attack has seen it;
            None has them read once more.
    """

    images: Tensor
    logits: Tensor | None = None


class Attack(Protocol):
    """What a file of this folder registers: a frozen dataclass of parameters with one method.

    `norm` is the norm ε bounds; `order` the place in lists.
    """

    title: ClassVar[str]
    source: ClassVar[str]
    norm: ClassVar[Literal["linf", "l2"]]
    order: ClassVar[int]

    def perturb(
        self, objective: Objective, *, generator: torch.Generator, progress: Progress
    ) -> Perturbation:
        """Adversarial examples of a batch.

        Args:
            objective: the clean images, what is to be read in their stead, how far they may be
                moved, and the model's passes. The model is held by the caller: evaluation mode,
                parameters without gradients.
            generator: the only source of randomness (a CPU generator). Draw for one image and let
                all share the draw, so that an image's result does not depend on its company.
            progress: stepped at least once per model pass; raises `Cancelled` when no longer
                wanted.
        """
        ...


ATTACKS: Registry[Attack] = Registry("attack", __name__)
