"""The structural similarity that the RADAR-MIX paper reports."""

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

WINDOW = 5


@METRICS.register("paper_ssim")
@dataclass(frozen=True)
class PaperSsim:
    """SSIM in a flat window of 5 px on the first map's range, as the RADAR-MIX code has it.

    Kept for comparison; between −1 and 1, chance is no one number. Its fault: the range of the
    clean map alone steadies the quotient, so that it depends on which map comes first, and is
    ill-determined where that map is nearly constant beside the other; `Ssim` has one range for
    both. Like every SSIM it says 1 wherever both maps are flat, so that two independent maps of a
    few spots are nearly alike. Not defined for maps smaller than the window, nor where the first
    map is constant and the second is not the same. Source: de Aguiar et al. 2024 and its public
    code; scikit-image's structural_similarity.
    """

    title: ClassVar[str] = "SSIM as in the paper"
    source: ClassVar[str] = "de Aguiar et al. 2024, doi:10.1109/CBMS61543.2024.00078"
    unit: ClassVar[str] = ""
    direction: ClassVar[Literal["higher", "lower"]] = "higher"
    low: ClassVar[float] = -1.0
    high: ClassVar[float] = 1.0
    chance: ClassVar[float | None] = None
    order: ClassVar[int] = 85
    role: ClassVar[Role] = "paper"

    def __call__(self, first: Float64[Tensor, "h w"], second: Float64[Tensor, "h w"]) -> float:
        """See `Metric.__call__`."""
        if torch.equal(first, second):
            return 1.0
        # Scaled first, by a power of two, which loses no digit: SSIM has products of four values.
        _, exponent = math.frexp(float(torch.maximum(first.abs(), second.abs()).max()))
        scale = 2.0 ** min(-exponent, 1023)
        one, other = scale * first, scale * second
        span = float(one.max() - one.min())
        if min(first.shape) < WINDOW or not span:
            return math.nan
        # A range that is nothing beside the second map's values leaves 0 / 0 in flat windows.
        with np.errstate(divide="ignore", invalid="ignore"):
            value = structural_similarity(  # type: ignore[no-untyped-call]
                one.numpy(), other.numpy(), win_size=WINDOW, data_range=span
            )
        return float(np.clip(value, -1, 1)) if math.isfinite(value) else math.nan
