"""Benign control: the image turned by a small angle."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from radar_core.attacks import ATTACKS, Family, Perturbation, Placing
from radar_core.attacks.objective import Objective
from radar_core.epsilon import Norm
from radar_core.params import field_range
from radar_core.runtime import Progress


def rotated(images: Float[Tensor, "n c h w"], degrees: float) -> Float[Tensor, "n c h w"]:
    """Images or maps turned counter-clockwise about their centre.

    Bilinear; what comes in at the corners is the image mirrored at its edge.
    """
    if degrees % 360 == 0:
        return images.clone()
    height, width = images.shape[-2:]
    rows, columns = _origins(height, width, degrees, images.device)
    # In grid_sample's units the image reaches from −1 to 1.
    grid = torch.stack([(2 * columns + 1) / width - 1, (2 * rows + 1) / height - 1], dim=-1)
    return F.grid_sample(
        images,
        grid.to(images.dtype).expand(len(images), -1, -1, -1),
        mode="bilinear",
        padding_mode="reflection",
        align_corners=False,
    )


def _origins(
    height: int, width: int, degrees: float, device: torch.device
) -> tuple[Float[Tensor, "h w"], Float[Tensor, "h w"]]:
    """Row and column that each pixel of a turned image comes from."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    down = torch.arange(height, device=device)[:, None] - (height - 1) / 2
    right = torch.arange(width, device=device) - (width - 1) / 2
    # Rows count downwards, so this turns the picture counter-clockwise.
    rows = sin * right + cos * down + (height - 1) / 2
    columns = cos * right - sin * down + (width - 1) / 2
    return rows, columns


@ATTACKS.register("rotation")
@dataclass(frozen=True)
class Rotation:
    """A harmless control, no attack: the image is turned by a small angle about its centre.

    Its strength is the angle; ε means nothing to it. The map of the turned image is turned too, and
    must be laid back by `undo` before it is compared. Source: Engstrom et al. 2019, who search for
    the worst angle; here it is given.
    """

    title: ClassVar[str] = "Rotation"
    source: ClassVar[str] = "Engstrom et al. 2019, arXiv:1712.02779"
    family: ClassVar[Family] = "benign"
    placing: ClassVar[Placing] = "own"
    norm: ClassVar[Norm] = "linf"
    targetable: ClassVar[bool] = False
    order: ClassVar[int] = 85

    degrees: float = field_range(
        2.0, -180.0, 180.0, step=0.5, title="Angle", unit="degrees", help="counter-clockwise"
    )

    def perturb(
        self, objective: Objective, *, generator: torch.Generator, progress: Progress
    ) -> Perturbation:
        """See `Attack.perturb`; nothing is drawn."""
        progress.step(0.0, "rotation")
        return Perturbation(rotated(objective.clean, self.degrees).clamp(0, 1))

    def undo(
        self, maps: Float[Tensor, "n h w"]
    ) -> tuple[Float[Tensor, "n h w"], Bool[Tensor, "h w"]]:
        """Attribution maps of turned images, turned back over the clean ones.

        Returns:
            The maps, NaN where a pixel of the clean image was turned out of the picture, and where
            they have a value.
        """
        height, width = maps.shape[-2:]
        rows, columns = _origins(height, width, -self.degrees, maps.device)
        edge = 1e-3  # of a pixel: rounding
        seen = (rows >= -edge) & (rows <= height - 1 + edge)
        seen &= (columns >= -edge) & (columns <= width - 1 + edge)
        back = rotated(maps[:, None], -self.degrees)[:, 0]
        return back.masked_fill(~seen, torch.nan), seen
