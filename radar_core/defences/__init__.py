"""Cheap defences: what is done to an image before it is read. One file each.

`DEFENCES` finds them; `radar_core.case.defending` tells what they would have made of a case. None
of them holds against an attacker who knows it (Athalye et al. 2018, arXiv:1802.00420).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

from radar_core.registry import Registry

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class Defence(Protocol):
    """What a file of this folder registers: a frozen dataclass of parameters with one method.

    Attributes:
        order: the place in lists.
    """

    title: ClassVar[str]
    source: ClassVar[str]
    order: ClassVar[int]

    def views(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """What is read in the place of the images, by the mean of its probabilities.

        Args:
            images: (n, 3, h, w) in [0, 1].
            generator: the only source of randomness; all images share the draws.

        Returns:
            (v, n, 3, h, w) in [0, 1].
        """
        ...


DEFENCES: Registry[Defence] = Registry("defence", __name__)
