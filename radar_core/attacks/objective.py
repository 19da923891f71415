"""What an attack is asked to do, and the model passes it may make to do it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from radar_core.attacks.losses import log_odds, margin
from radar_core.attacks.room import ALL, Room, Rows
from radar_core.epsilon import Norm
from radar_core.models.classifier import Classifier
from radar_core.runtime import batch_size

Guard = Callable[[Tensor, Callable[[], None]], Tensor]
GUARDED = 12  # passes that one look of a guard holds at once


class Objective(Room):
    """Clean images at one or more ε, the class to leave or to reach, and gradients.

    The clean images are read once, here, whatever the number of ε; the graph of that pass is kept
    until the first gradient, so an attack that starts at the clean image pays one forward pass, not
    two, and one gradient serves all ε.

    Args:
        model: held by the caller.
        images: (n, 3, h, w) float32 in [0, 1].
        radii: for each ε, the allowed distance per channel in [0, 1] pixels; infinite for none.
        targets: (n,) the class to reach in each image; None leaves the class read in it. An image
            that already reads its target is given no room: there is nothing to attack.
        norm: what the radii bound.
        pattern: (3, h, w) of L∞ norm 1, for an attack that was fitted beforehand.
        guard: the suspicion of images, (n,), differentiable, for an attack that lowers it; it calls
            its second argument before each pass.

    Attributes:
        clean_logits: (m, k) what the model gives for it.
        classes: (m,) the class to leave, or to reach where `targeted`.
    """

    def __init__(
        self,
        model: Classifier,
        images: Float[Tensor, "n 3 h w"],
        radii: Sequence[tuple[float, ...]],
        targets: Int64[Tensor, " n"] | None = None,
        *,
        norm: Norm = "linf",
        pattern: Float[Tensor, "3 h w"] | None = None,
        guard: Guard | None = None,
    ) -> None:
        self.model, self.pattern, self.guard = model, pattern, guard
        self._images = images.detach()
        self._kept: tuple[Tensor, Tensor] | None = self._forward(self._images)
        logits = self._kept[1].detach()
        read = logits.softmax(1).argmax(1)
        closed = None if targets is None else read == targets
        super().__init__(self._images, radii, norm=norm, closed=closed)
        self.clean_logits = self._rows(logits)
        self.targeted = targets is not None
        self.classes = self._rows(read if targets is None else targets)
        self._asked = False
        self._seen = torch.zeros(len(self.radii), dtype=torch.bool, device=images.device)

    def _forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            leaf = images.detach().requires_grad_()
            return leaf, self.model(leaf)

    def gradient(
        self,
        images: Float[Tensor, "m 3 h w"],
        rows: Rows = ALL,
        loss: Callable[[Tensor, Tensor], Tensor] = log_odds,
    ) -> tuple[Float[Tensor, "m 3 h w"], Float[Tensor, "m k"]]:
        """The direction that raises the chance of success, and the logits, from one pass.

        Args:
            images: variants of the clean images that `rows` selects, in that order. `clean` itself
                is passed once for all ε, and answered for all rows.
            loss: of logits and classes, one value an image; raised for a class to leave, lowered
                for a class to reach.

        Returns:
            The gradient, zero where it is not a number or the model passes none on, and the
            logits, detached.
        """
        kept, self._kept = self._kept, None
        shared = images is self.clean
        if shared:
            leaf, logits = kept or self._forward(self._images)
            classes = self.classes[: len(self._images)]
        else:
            leaf, logits = self._forward(images)
            classes = self.classes[rows]
        gradient = None
        if logits.requires_grad:
            with torch.enable_grad():
                value = loss(logits, classes).sum()
            (gradient,) = torch.autograd.grad(
                -value if self.targeted else value, leaf, allow_unused=True
            )
        gradient = torch.zeros_like(leaf) if gradient is None else gradient.nan_to_num(0.0)
        logits = logits.detach()
        if shared:
            self._saw(self._rows(gradient.flatten(1).any(1)), ALL)
            return self._rows(gradient), self._rows(logits)
        self.saw(gradient, rows)
        return gradient, logits

    def saw(self, gradient: Float[Tensor, "m 3 h w"], rows: Rows = ALL) -> None:
        """Take note of a gradient that an attack computed by itself, for `without_gradient`."""
        self._saw(gradient.flatten(1).any(1), rows)

    def _saw(self, any_at_all: Bool[Tensor, " m"], rows: Rows) -> None:
        self._asked = True
        self._seen[rows] |= any_at_all

    def suspicion(
        self, images: Float[Tensor, "m 3 h w"], tick: Callable[[], None]
    ) -> tuple[Float[Tensor, "m 3 h w"], Float[Tensor, " m"]]:
        """The direction that lowers the suspicion of the guard, and the suspicion.

        Args:
            tick: called before each pass.
        """
        assert self.guard is not None, "the door sees to it"
        ways, values = [], []
        step = max(1, batch_size(*images.shape[-2:], gradients=True) // GUARDED)
        for part in images.split(step):
            with torch.enable_grad():
                leaf = part.detach().requires_grad_()
                value = self.guard(leaf, tick)
                (gradient,) = torch.autograd.grad(-value.sum(), leaf)
            ways.append(gradient.nan_to_num(0.0))
            values.append(value.detach())
        return torch.cat(ways), torch.cat(values)

    def forget(self) -> None:
        """Let go of the graph of the clean pass, where no gradient will be asked for."""
        self._kept = None

    @torch.no_grad()
    def logits(self, images: Float[Tensor, "m 3 h w"]) -> Float[Tensor, "m k"]:
        """What the model gives, without a gradient."""
        self.forget()
        logits: Tensor = self.model(images)
        return logits

    def margin(self, logits: Float[Tensor, "m k"], rows: Rows = ALL) -> Float[Tensor, " m"]:
        """How far each image is past the decision boundary, in logits; positive is success."""
        margins = margin(logits, self.classes[rows])
        return -margins if self.targeted else margins

    @property
    def without_gradient(self) -> Bool[Tensor, " m"]:
        """Rows for which gradients were asked for and every one was zero."""
        return ~self._seen & self._asked
