"""Structural similarity of two maps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float64
from skimage.metrics import structural_similarity
from torch import Tensor

from radar_core.metrics import METRICS, Role

WINDOW = 11


@METRICS.register("ssim")
@dataclass(frozen=True)
class Ssim:
    """Likeness of local means, contrasts and structure, in a Gaussian window of 11 px (σ 1.5).

    Both maps stay on one scale, the range they span together: a map that kept its shape and lost
    its strength is not alike. Not defined for maps smaller than the window. Source: Wang et al.
    2004; scikit-image's structural_similarity in that paper's settings.
    """

    title: ClassVar[str] = "SSIM"
    source: ClassVar[str] = "Wang et al. 2004, doi:10.1109/TIP.2003.819861"
    unit: ClassVar[str] = ""
    direction: ClassVar[Literal["higher", "lower"]] = "higher"
    low: ClassVar[float] = -1.0
    high: ClassVar[float] = 1.0
    chance: ClassVar[float | None] = None
    order: ClassVar[int] = 40
    role: ClassVar[Role] = "further"

    def __call__(self, first: Float64[Tensor, "h w"], second: Float64[Tensor, "h w"]) -> float:
        """See `Metric.__call__`."""
        if torch.equal(first, second):
            return 1.0
        if min(first.shape) < WINDOW:
            return math.nan
        both = torch.stack([first, second])
        value = structural_similarity(  # type: ignore[no-untyped-call]
            first.numpy(),
            second.numpy(),
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=float(both.max() - both.min()),
        )
        return float(np.clip(value, -1, 1))
