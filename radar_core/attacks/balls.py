"""The balls that ε allows about an image: how to step, start and stay within.

Radii are (m, 3, 1, 1): one per image and channel. In L2 the ball is the ellipsoid with these half
axes, so that ε in normalised units means the same there as in L∞.
"""

from __future__ import annotations

from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from radar_core.epsilon import Norm


class Ball(Protocol):
    """What an attack asks of a norm; all are pure functions of (m, 3, h, w) tensors."""

    def steepest(
        self, gradient: Float[Tensor, "m 3 h w"], radii: Float[Tensor, "m 3 1 1"]
    ) -> Float[Tensor, "m 3 h w"]:
        """The step of length ε that raises a linear function most; zero where the gradient is."""
        ...

    def draw(self, like: Float[Tensor, "m 3 h w"], generator: torch.Generator) -> Tensor:
        """(1, 3, h, w) uniform in the ball of radius 1; one draw serves all images."""
        ...

    def project(
        self, images: Float[Tensor, "m 3 h w"], box: Box, radii: Float[Tensor, "m 3 1 1"]
    ) -> Float[Tensor, "m 3 h w"]:
        """An allowed image near each: the nearest in L∞; in L2 drawn back towards the clean one."""
        ...


class Box:
    """Clean images, and the smallest box about them that holds all that is allowed."""

    def __init__(self, clean: Tensor, radii: Tensor) -> None:
        self.clean, self.low, self.high = clean, *_faces(clean, radii)

    def __getitem__(self, rows: slice | Tensor) -> Box:
        if isinstance(rows, slice) and rows == slice(None):
            return self
        part = Box.__new__(Box)
        part.clean, part.low, part.high = self.clean[rows], self.low[rows], self.high[rows]
        return part


class Linf:
    """|δ| ≤ ε for every value."""

    def steepest(
        self, gradient: Float[Tensor, "m 3 h w"], radii: Float[Tensor, "m 3 1 1"]
    ) -> Float[Tensor, "m 3 h w"]:
        """See `Ball`: the sign."""
        return radii * gradient.sign()

    def draw(self, like: Float[Tensor, "m 3 h w"], generator: torch.Generator) -> Tensor:
        """See `Ball`."""
        return 2 * torch.rand((1, *like.shape[1:]), generator=generator).to(like.device) - 1

    def project(
        self, images: Float[Tensor, "m 3 h w"], box: Box, radii: Float[Tensor, "m 3 1 1"]
    ) -> Float[Tensor, "m 3 h w"]:
        """See `Ball`."""
        return images.clamp(box.low, box.high)


class L2:
    """‖δ‖₂ ≤ ε over all values of an image."""

    def steepest(
        self, gradient: Float[Tensor, "m 3 h w"], radii: Float[Tensor, "m 3 1 1"]
    ) -> Float[Tensor, "m 3 h w"]:
        """See `Ball`: the gradient at unit length."""
        scaled = gradient * radii
        largest = scaled.abs().amax((1, 2, 3), keepdim=True)
        scaled = scaled / largest.clamp_min(torch.finfo(scaled.dtype).tiny)  # no underflow below
        return radii * scaled / _length(scaled).clamp_min(1e-12)

    def draw(self, like: Float[Tensor, "m 3 h w"], generator: torch.Generator) -> Tensor:
        """See `Ball`: a direction, and the d-th root of a uniform number as its length."""
        direction = torch.randn((1, *like.shape[1:]), generator=generator)
        length = torch.rand((), generator=generator) ** (1 / direction.numel())
        return (length * direction / _length(direction)).to(like.device)

    def project(
        self, images: Float[Tensor, "m 3 h w"], box: Box, radii: Float[Tensor, "m 3 1 1"]
    ) -> Float[Tensor, "m 3 h w"]:
        """See `Ball`. Cut to [0, 1] first: that only shortens a change."""
        moved = images.clamp(box.low, box.high) - box.clean
        length = _length(torch.where(radii > 0, moved / radii, 0 * moved))
        shrink = torch.where(length > 1, (1 - 1e-6) / length, torch.ones_like(length))
        return (box.clean + moved * shrink).clamp(box.low, box.high)


BALLS: dict[Norm, Ball] = {"linf": Linf(), "l2": L2()}


def distance(change: Float[Tensor, "m 3 h w"], norm: Norm) -> Float[Tensor, " m"]:
    """The length of each change in [0, 1] pixels."""
    return change.abs().amax((1, 2, 3)) if norm == "linf" else _length(change).flatten()


def _length(change: Tensor) -> Float[Tensor, "m 1 1 1"]:
    length: Tensor = torch.linalg.vector_norm(change, dim=(1, 2, 3), keepdim=True)
    return length


def _faces(clean: Tensor, radii: Tensor) -> tuple[Tensor, Tensor]:
    """The box, its faces moved by one float where rounding put them outside the radius."""
    low, high = clean - radii, clean + radii
    if bool(radii.isfinite().all()):
        low = torch.where(clean - low > radii, torch.nextafter(low, clean), low)
        high = torch.where(high - clean > radii, torch.nextafter(high, clean), high)
    return low.clamp_min_(0), high.clamp_max_(1)
