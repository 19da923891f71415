"""What an attack is asked to do, and the model passes it may make to do it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from radar_core.attacks.losses import log_odds, margin
from radar_core.models.classifier import Classifier

Rows = slice | Tensor
ALL = slice(None)


class Objective:
    """Clean images, the class to leave or to reach, the L∞ ball allowed, and gradients.

    The clean images are read once, here; the graph of that pass is kept until the first gradient,
    so an attack that starts at the clean image pays one forward pass, not two.

    Args:
        model: held by the caller.
        clean: (n, 3, h, w) float32 in [0, 1].
        radii: the allowed distance per channel, in [0, 1] pixels.
        targets: the class to reach in each image; None leaves the class read in it. An image
            that already reads its target is given no room: there is nothing to attack.

    Attributes:
        classes: (n,) the class to leave, or to reach where `targeted`.
        radii: (n, 3, 1, 1) per image and channel.
        low, high: (n, 3, h, w) the allowed box: within `radii` of `clean` and within [0, 1].
    """

    def __init__(
        self,
        model: Classifier,
        clean: Float[Tensor, "n 3 h w"],
        radii: tuple[float, ...],
        targets: Int64[Tensor, " n"] | None = None,
    ) -> None:
        self.model = model
        self.clean = clean.detach()
        self._kept: tuple[Tensor, Tensor] | None = self._forward(self.clean)
        self.clean_logits = self._kept[1].detach()
        read = self.clean_logits.softmax(1).argmax(1)
        self.targeted = targets is not None
        self.classes = read if targets is None else targets
        room = _round_down(radii, clean).expand(len(clean), 3, 1, 1)
        self.radii = room if targets is None else room * (read != targets).view(-1, 1, 1, 1)
        self.low, self.high = _box(self.clean, self.radii)
        self._asked = False
        self._seen = torch.zeros(len(clean), dtype=torch.bool, device=clean.device)

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
            images: variants of the clean images that `rows` selects, in that order.
            loss: of logits and classes, one value an image; raised for a class to leave, lowered
                for a class to reach.

        Returns:
            The gradient, zero where it is not a number or the model passes none on, and the
            logits, detached.
        """
        kept, self._kept = self._kept, None
        leaf, logits = kept if kept and images is self.clean else self._forward(images)
        gradient = None
        if logits.requires_grad:
            with torch.enable_grad():
                value = loss(logits, self.classes[rows]).sum()
            (gradient,) = torch.autograd.grad(
                -value if self.targeted else value, leaf, allow_unused=True
            )
        gradient = torch.zeros_like(images) if gradient is None else gradient.nan_to_num(0.0)
        self._asked = True
        self._seen[rows] |= gradient.flatten(1).any(1)
        return gradient, logits.detach()

    @torch.no_grad()
    def logits(self, images: Float[Tensor, "m 3 h w"]) -> Float[Tensor, "m k"]:
        """What the model gives, without a gradient."""
        self._kept = None
        logits: Tensor = self.model(images)
        return logits

    def project(
        self, images: Float[Tensor, "m 3 h w"], rows: Rows = ALL
    ) -> Float[Tensor, "m 3 h w"]:
        """The nearest allowed images."""
        return images.clamp(self.low[rows], self.high[rows])

    def margin(self, logits: Float[Tensor, "m k"], rows: Rows = ALL) -> Float[Tensor, " m"]:
        """How far each image is past the decision boundary, in logits; positive is success."""
        margins = margin(logits, self.classes[rows])
        return -margins if self.targeted else margins

    @property
    def without_gradient(self) -> Bool[Tensor, " n"]:
        """Images for which gradients were asked for and every one was zero."""
        return ~self._seen & self._asked


def _round_down(radii: tuple[float, ...], like: Tensor) -> Float[Tensor, "1 3 1 1"]:
    """Radii as float32 that are not larger than the given numbers."""
    exact = torch.tensor(radii, dtype=torch.float64)
    rounded = exact.float()
    over = rounded.double() > exact
    rounded = torch.where(over, torch.nextafter(rounded, torch.zeros(())), rounded)
    return rounded.to(like.device).view(1, 3, 1, 1)


def _box(clean: Tensor, radii: Tensor) -> tuple[Tensor, Tensor]:
    """The allowed box, its faces moved by one float where rounding put them outside the radius."""
    low, high = clean - radii, clean + radii
    low = torch.where(clean - low > radii, torch.nextafter(low, clean), low)
    high = torch.where(high - clean > radii, torch.nextafter(high, clean), high)
    return low.clamp_min(0), high.clamp_max(1)
