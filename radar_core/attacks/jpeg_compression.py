"""Benign control: what saving as a picture does, and JPEG compression."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from radar_core.attacks import ATTACKS, Family, Perturbation, Placing
from radar_core.attacks.objective import Objective
from radar_core.epsilon import Norm
from radar_core.params import field_range
from radar_core.runtime import Progress


def png(images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 h w"]:
    """As an 8-bit PNG gives them back: every value at the nearest of 256 levels."""
    return (images * 255).round() / 255


def jpeg(images: Float[Tensor, "n 3 h w"], quality: int) -> Float[Tensor, "n 3 h w"]:
    """As a JPEG gives them back (Pillow's encoder, its default 4:2:0 chroma)."""
    back = []
    for image in png(images).cpu():
        pixels = (image * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
        buffer.seek(0)
        with Image.open(buffer) as decoded:
            back.append(torch.from_numpy(np.array(decoded)).permute(2, 0, 1))
    return (torch.stack(back).float() / 255).to(images.device)


@ATTACKS.register("jpeg")
@dataclass(frozen=True)
class JpegCompression:
    """A harmless control, no attack: the image is saved as a JPEG and opened again.

    Its strength is the quality; ε means nothing to it. Corruption of Hendrycks & Dietterich 2019.
    """

    title: ClassVar[str] = "JPEG"
    source: ClassVar[str] = "Hendrycks & Dietterich 2019, arXiv:1903.12261"
    family: ClassVar[Family] = "benign"
    placing: ClassVar[Placing] = "own"
    norm: ClassVar[Norm] = "linf"
    targetable: ClassVar[bool] = False
    order: ClassVar[int] = 82

    quality: int = field_range(75, 1, 100, title="Quality", help="of Pillow; lower changes more")

    def perturb(
        self, objective: Objective, *, generator: torch.Generator, progress: Progress
    ) -> Perturbation:
        """See `Attack.perturb`; nothing is drawn."""
        progress.step(0.0, "compression")
        return Perturbation(jpeg(objective.clean, self.quality))
