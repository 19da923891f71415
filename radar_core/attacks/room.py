"""What is allowed about clean images, and moves within it; no model is asked."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from radar_core.attacks.balls import BALLS, Box
from radar_core.epsilon import Norm

Rows = slice | Tensor
ALL = slice(None)


class Room:
    """Clean images at one or more ε, and the room that each leaves.

    A row is an image at an ε: first all images at the first ε, then all at the second.

    Args:
        images: (n, 3, h, w) float32 in [0, 1].
        radii: for each ε, the allowed distance per channel in [0, 1] pixels; infinite for none.
        norm: what the radii bound.
        closed: (n,) images that are given no room.

    Attributes:
        clean: (m, 3, h, w) the clean image of each row.
        radii: (m, 3, 1, 1) per row and channel.
        box: the rows' smallest box that holds all that is allowed.
    """

    def __init__(
        self,
        images: Float[Tensor, "n 3 h w"],
        radii: Sequence[tuple[float, ...]],
        *,
        norm: Norm,
        closed: Bool[Tensor, " n"] | None = None,
    ) -> None:
        self.norm, self.ball = norm, BALLS[norm]
        self._frames = len(radii)
        self.clean = self._rows(images)
        each = [_round_down(radius, images).expand(len(images), -1, -1, -1) for radius in radii]
        self.radii = torch.cat(each)
        if closed is not None:
            self.radii = self.radii.masked_fill(self._rows(closed).view(-1, 1, 1, 1), 0.0)
        self.box = Box(self.clean, self.radii)

    def _rows(self, each: Tensor) -> Tensor:
        """One value an image as one a row; the same tensor where there is one ε."""
        return each if self._frames == 1 else each.repeat(self._frames, *[1] * (each.ndim - 1))

    @property
    def open(self) -> Bool[Tensor, " m"]:
        """Rows with room to move: an ε above zero, and a target that is not yet read."""
        return self.radii.flatten(1).any(1)

    def steepest(
        self, gradient: Float[Tensor, "m 3 h w"], rows: Rows = ALL
    ) -> Float[Tensor, "m 3 h w"]:
        """The step of length ε that follows a gradient best."""
        return self.ball.steepest(gradient, self.radii[rows])

    def random_start(
        self, generator: torch.Generator, rows: Rows = ALL
    ) -> Float[Tensor, "m 3 h w"]:
        """Uniform in the ball, cut to [0, 1]; one draw serves all rows."""
        clean = self.clean[rows]
        moved = clean + self.radii[rows] * self.ball.draw(clean, generator)
        return self.project(moved, rows)

    def project(
        self, images: Float[Tensor, "m 3 h w"], rows: Rows = ALL
    ) -> Float[Tensor, "m 3 h w"]:
        """Allowed images near these."""
        return self.ball.project(images, self.box[rows], self.radii[rows])


def _round_down(radii: tuple[float, ...], like: Tensor) -> Float[Tensor, "1 3 1 1"]:
    """Radii as float32 that are not larger than the given numbers."""
    exact = torch.tensor(radii, dtype=torch.float64)
    rounded = exact.float()
    over = rounded.double() > exact
    rounded = torch.where(over, torch.nextafter(rounded, torch.zeros(())), rounded)
    return rounded.to(like.device).view(1, 3, 1, 1)
