"""RISE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from radar_core.explainers import EXPLAINERS, Attribution
from radar_core.explainers.masking import field_hide, hidden_content, read_masked
from radar_core.models.classifier import Classifier
from radar_core.params import field_range
from radar_core.runtime import Passes, Progress


@EXPLAINERS.register("rise")
@dataclass(frozen=True)
class Rise:
    """Where the image has to show for the class to be read: smooth random masks, weighted.

    Each mask is a coarse grid of random cells, enlarged bilinearly and shifted by part of a cell;
    a pixel's value is the mean over masks M of (f(M) − mean of f) · M, divided by the mean of M.
    Taking off the mean of f moves the published map by a constant where masks cover evenly, and
    takes most of its sampling noise away. Every mask comes with its complement, for the same
    reason. All images share masks and hidden content. Source: Petsiuk et al. 2018, eq. 6.
    """

    title: ClassVar[str] = "RISE"
    source: ClassVar[str] = "Petsiuk et al. 2018, arXiv:1806.07421"
    signed: ClassVar[bool] = True
    needs_background: ClassVar[bool] = False
    needs_gradients: ClassVar[bool] = False
    needs_layer: ClassVar[bool] = False
    draws: ClassVar[bool] = True
    order: ClassVar[int] = 34

    samples: int = field_range(400, 20, 8000, step=20, title="Samples", help="readings an image")
    cells: int = field_range(7, 3, 32, title="Cells along a side", help="of a mask")
    hide: str = field_hide("blurred", superpixels=False)

    @property
    def cost(self) -> Passes:
        """See `Explainer.cost`."""
        return Passes(self.samples, 0)

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
        """See `Explainer.attribute`."""
        height, width = images.shape[-2:]
        device = images.device
        half = self.samples // 2
        side = self.cells + 1  # one more than fits, so that a shifted grid covers the image
        grids = (torch.rand((half, 1, 1, side, side), generator=generator) < 0.5).float().to(device)
        shifts = torch.rand((half, 2), generator=generator).tolist()
        cell = -(-height // self.cells), -(-width // self.cells)
        larger = (side * cell[0], side * cell[1])
        hidden = hidden_content(images[0], None, self.hide)

        def mask(number: int) -> Tensor:
            grid = F.interpolate(grids[number // 2], larger, mode="bilinear", align_corners=False)
            top, left = (int(s * c) for s, c in zip(shifts[number // 2], cell, strict=True))
            cut = grid[0, :, top : top + height, left : left + width]
            return 1 - cut if number % 2 else cut

        def shown(start: int, end: int) -> Tensor:
            return torch.stack([mask(number) for number in range(start, end)])

        maps = torch.zeros_like(images[:, 0])
        for k, (image, target) in enumerate(zip(images, targets, strict=True)):
            part = progress.part(k / len(images), (k + 1) / len(images))
            # On the CPU: not every device knows double precision.
            sums = torch.zeros((2, height, width), dtype=torch.float64)

            def seen(masks: Tensor, read: Tensor, sums: Tensor = sums) -> None:
                sums[0] += torch.einsum("s,shw->hw", read, masks[:, 0]).cpu()
                sums[1] += masks[:, 0].sum(0).cpu()

            read = read_masked(model, image, hidden, shown, 2 * half, int(target), part, seen=seen)
            weighted, cover = sums
            maps[k] = ((weighted - read.cpu().double().mean() * cover) / cover.mean()).to(maps)
        return Attribution(maps, {"samples": 2 * half, "grid": [self.cells, self.cells]})
