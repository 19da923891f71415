"""Attacks, one file each. `ATTACKS` finds them; `radar_core.api.attack` runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from radar_core.registry import Registry

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from radar_core.models.classifier import Classifier
    from radar_core.runtime import Progress


class Attack(Protocol):
    """What a file of this folder registers: a frozen dataclass of parameters with one method."""

    title: ClassVar[str]
    source: ClassVar[str]
    norm: ClassVar[Literal["linf", "l2"]]

    def perturb(
        self,
        model: Classifier,
        images: Tensor,
        classes: Tensor,
        radii: Tensor,
        *,
        targeted: bool,
        generator: torch.Generator,
        progress: Progress,
    ) -> Tensor:
        """Adversarial examples of a batch, within `radii` of `images` and within [0, 1].

        Args:
            model: in evaluation mode, its parameters without gradients, held by the caller.
            images: (n, 3, h, w) float32 in [0, 1].
            classes: (n,) int64, the class to leave, or to reach where `targeted`.
            radii: (n, 3, 1, 1) the allowed distance per image and channel, in [0, 1] pixels.
            generator: the only source of randomness (a CPU generator).
            progress: stepped at least once per model pass; raises `Cancelled` when unwanted.

        Returns:
            (n, 3, h, w) float32 in [0, 1], detached.
        """
        ...


ATTACKS: Registry[Attack] = Registry("attack", __name__)
