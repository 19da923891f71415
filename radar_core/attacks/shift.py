"""Benign control: the image moved by whole pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from radar_core.attacks import ATTACKS, Family, Perturbation, Placing
from radar_core.attacks.objective import Objective
from radar_core.epsilon import Norm
from radar_core.params import field_range
from radar_core.runtime import Progress


def shifted(images: Float[Tensor, "*n h w"], right: int, down: int) -> Float[Tensor, "*n h w"]:
    """Images or maps moved by whole pixels; the edge that comes in repeats the outermost pixels."""
    height, width = images.shape[-2:]
    rows = (torch.arange(height, device=images.device) - down).clamp(0, height - 1)
    columns = (torch.arange(width, device=images.device) - right).clamp(0, width - 1)
    return images[..., rows[:, None], columns]


@ATTACKS.register("shift")
@dataclass(frozen=True)
class Shift:
    """A harmless control, no attack: the image moves by a pixel, its edge repeated.

    Its strength is the number of pixels; ε means nothing to it. The map of the moved image is moved
    too, and must be laid back by `undo` before it is compared. Source: Azulay & Weiss 2019.
    """

    title: ClassVar[str] = "Shift"
    source: ClassVar[str] = "Azulay & Weiss 2019, arXiv:1805.12177"
    family: ClassVar[Family] = "benign"
    placing: ClassVar[Placing] = "own"
    norm: ClassVar[Norm] = "linf"
    targetable: ClassVar[bool] = False
    order: ClassVar[int] = 84

    right: int = field_range(1, -32, 32, title="Right", unit="pixels", help="below 0: left")
    down: int = field_range(0, -32, 32, title="Down", unit="pixels", help="below 0: up")

    def perturb(
        self, objective: Objective, *, generator: torch.Generator, progress: Progress
    ) -> Perturbation:
        """See `Attack.perturb`; nothing is drawn."""
        progress.step(0.0, "shift")
        return Perturbation(shifted(objective.clean, self.right, self.down))

    def undo(
        self, maps: Float[Tensor, "n h w"]
    ) -> tuple[Float[Tensor, "n h w"], Bool[Tensor, "h w"]]:
        """Attribution maps of moved images, laid back over the clean ones.

        Returns:
            The maps, NaN where a pixel of the clean image was moved out of the picture, and where
            they have a value.
        """
        height, width = maps.shape[-2:]
        rows = torch.arange(height, device=maps.device)[:, None] + self.down
        columns = torch.arange(width, device=maps.device) + self.right
        seen = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        back = shifted(maps, -self.right, -self.down)
        return back.masked_fill(~seen, torch.nan), seen
