"""Occlusion."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from radar_core.explainers import EXPLAINERS, Attribution
from radar_core.explainers.masking import field_hide, hidden_content, read_masked
from radar_core.models.classifier import Classifier
from radar_core.params import field_range
from radar_core.runtime import Passes, Progress


@EXPLAINERS.register("occlusion")
@dataclass(frozen=True)
class Occlusion:
    """How much the class's probability falls where a square window is covered.

    The window is moved over the whole image in even steps, the first and the last flush with its
    edges; a pixel's value is the mean fall over the windows that cover it. All images are covered
    with the same content, the first image's. Source: Zeiler & Fergus 2014, section 4.2; captum's
    Occlusion is the same but for its windows, which hang over the edge at the end.
    """

    title: ClassVar[str] = "Occlusion"
    source: ClassVar[str] = "Zeiler & Fergus 2014, arXiv:1311.2901"
    signed: ClassVar[bool] = True
    needs_background: ClassVar[bool] = False
    needs_gradients: ClassVar[bool] = False
    needs_layer: ClassVar[bool] = False
    draws: ClassVar[bool] = False
    order: ClassVar[int] = 36

    window: float = field_range(
        0.18, 0.04, 0.6, step=0.01, title="Window", unit="of the side", help="side of the square"
    )
    positions: int = field_range(11, 3, 32, title="Windows along a side", help="overlapping")
    hide: str = field_hide("blurred", superpixels=False)

    @property
    def cost(self) -> Passes:
        """See `Explainer.cost`; small windows need more places than asked for to leave no gap."""
        # A window is a whole number of pixels, at least one: at least 2/3 of the share asked for.
        most = max(self.positions, math.ceil(1.5 / self.window))
        return Passes(most**2 + 1, 0)

    def attribute(
        self,
        model: Classifier,
        images: Float[Tensor, "n 3 h w"],
        targets: Int64[Tensor, " n"],
        *,
        background: Float[Tensor, "m 3 h w"],
        generator: torch.Generator,
        progress: Progress,
    ) -> Attribution:
        """See `Explainer.attribute`; nothing is drawn."""
        rows, columns = (self._places(size) for size in images.shape[-2:])
        windows = windows_along(rows, images.shape[-2]), windows_along(columns, images.shape[-1])
        down, across = (w.to(images.device) for w in windows)
        count = len(down) * len(across)
        hidden = hidden_content(images[0], None, self.hide)

        def shown(start: int, end: int) -> Tensor:
            # The last mask hides nothing: what is read there is what windows make fall.
            numbers = torch.arange(start, end, device=images.device)
            row, column = numbers // len(across), numbers % len(across)
            covered = down[row.clamp(max=len(down) - 1)][:, :, None] & across[column][:, None]
            return ~(covered & (numbers < count)[:, None, None])[:, None]

        # On the CPU from here: not every device knows double precision.
        rows_of, columns_of = (w.double() for w in windows)
        covering = rows_of.sum(0)[:, None] * columns_of.sum(0)
        maps = torch.zeros_like(images[:, 0])
        for k, (image, target) in enumerate(zip(images, targets, strict=True)):
            part = progress.part(k / len(images), (k + 1) / len(images))
            read = read_masked(model, image, hidden, shown, count + 1, int(target), part)
            fall = (read[-1] - read[:-1]).cpu().double().view(len(down), len(across))
            maps[k] = (rows_of.T @ fall @ columns_of / covering).to(maps)
        return Attribution(
            maps, {"samples": count, "window": [w[1] - w[0] for w in (rows[0], columns[0])]}
        )

    def _places(self, size: int) -> list[tuple[int, int]]:
        """First pixel and the one after the last of each window along a side."""
        window = max(1, min(size, round(self.window * size)))
        # As many windows as asked for, and enough to leave no pixel out.
        count = max(min(self.positions, size - window + 1), -(-size // window))
        starts = torch.linspace(0, size - window, count).round().int().tolist()
        return [(start, start + window) for start in starts]


def windows_along(places: list[tuple[int, int]], size: int) -> Tensor:
    """(windows, size) bool: which pixels along a side each window covers."""
    pixels = torch.arange(size)
    return torch.stack([(pixels >= start) & (pixels < end) for start, end in places])
