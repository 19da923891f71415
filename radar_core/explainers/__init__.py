"""Explainers, one file each. `EXPLAINERS` finds them; `radar_core.api.explain` runs them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from radar_core.registry import Registry

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from radar_core.models.classifier import Classifier
    from radar_core.runtime import Passes, Progress


@dataclass(frozen=True, eq=False)
class Attribution:
    """Raw maps (n, h, w) float32 of one call, and what the method states about its run."""

    maps: Tensor
    facts: dict[str, Any] = field(default_factory=dict)


class Explainer(Protocol):
    """What a file of this folder registers: a frozen dataclass of parameters with one method.

    `signed` says whether negative values mean *against the class*, `draws` whether a seed decides
    anything, `order` the place in lists. Of the model it `needs_gradients`, or not, and
    `needs_layer`: a convolutional layer to look at. `needs_background` says whether the method
    compares with background images.
    """

    title: ClassVar[str]
    source: ClassVar[str]
    signed: ClassVar[bool]
    needs_background: ClassVar[bool]
    needs_gradients: ClassVar[bool]
    needs_layer: ClassVar[bool]
    draws: ClassVar[bool]
    order: ClassVar[int]

    @property
    def cost(self) -> Passes:
        """Passes an image takes at most, with these parameters."""
        ...

    def attribute(
        self,
        model: Classifier,
        images: Tensor,
        targets: Tensor,
        *,
        background: Tensor,
        generator: torch.Generator,
        progress: Progress,
    ) -> Attribution:
        """Paired attribution maps: all images share superpixels, masks, background and draws.

        Args:
            model: in evaluation mode, its parameters without gradients, held by the caller.
            images: (n, 3, h, w) float32 in [0, 1]; the first is the reference (the clean image),
                whose superpixels serve all. Its map does not depend on the others.
            targets: (n,) int64, the class explained in each image.
            background: (m, 3, h, w) fixed clean images that stand for *no evidence*; m is 0 for a
                method that does not ask for them.
            generator: the only source of randomness (a CPU generator).
            progress: stepped at least once per batch of passes.
        """
        ...


EXPLAINERS: Registry[Explainer] = Registry("explainer", __name__)
