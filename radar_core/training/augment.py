"""Random changes of training images that leave their class what it is."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

TILT = 15.0  # degrees, of images with an up and a down
ZOOM = (0.8, 1.2)  # sides of what is shown, in sides of the image, log-uniform
SHIFT = 0.08  # of the side, at most


def augment(
    images: UInt8[Tensor, "n 3 s s"], kind: str, jitter: float, draws: torch.Generator
) -> Float[Tensor, "n 3 s s"]:
    """Turned, mirrored, zoomed, shifted and recoloured images in [0, 1]; what is missing is
    mirrored in. One bilinear sampling does all of it.

    Args:
        kind: of `recipe.AUGMENTS`.
        jitter: largest relative change of a channel's gain (white balance) and of brightness;
            contrast changes by half as much again.
        draws: one row of numbers an image, so that a seed gives the same whatever the batch.
    """
    values = images.float().div_(255)
    if kind == "none":
        return values
    count = len(images)
    u = torch.rand((count, 10), generator=draws)
    turn = math.pi if kind == "any way up" else math.radians(TILT)
    angle = turn * (2 * u[:, 0] - 1)
    zoom = ZOOM[0] * (ZOOM[1] / ZOOM[0]) ** u[:, 1]
    mirror = torch.where(u[:, 2] < 0.5, -1.0, 1.0)
    cos, sin = zoom * angle.cos(), zoom * angle.sin()
    shift = 2 * SHIFT * (2 * u[:, 3:5] - 1)
    rows = torch.stack([mirror * cos, -sin, shift[:, 0], mirror * sin, cos, shift[:, 1]], 1)
    grid = F.affine_grid(rows.view(-1, 2, 3), list(images.shape), align_corners=False)
    out = F.grid_sample(values, grid, padding_mode="reflection", align_corners=False)
    gains = 1 + jitter * (2 * u[:, 5:8] - 1) + jitter * (2 * u[:, 8:9] - 1)
    contrast = 1 + 1.5 * jitter * (2 * u[:, 9] - 1)
    centre = out.mean((1, 2, 3), keepdim=True)
    moved = (out - centre) * contrast.view(-1, 1, 1, 1) + centre
    return (moved * gains.view(-1, 3, 1, 1)).clamp_(0, 1)
