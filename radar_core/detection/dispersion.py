"""Dispersion of attributions (ML-LOO)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from radar_core.detection import DETECTORS, Need, State
from radar_core.detection.seen import Seen

MOST = 16_384  # values of a map that quartiles are taken of


@DETECTORS.register("dispersion")
@dataclass(frozen=True)
class Dispersion:
    """How unusually wide or narrow the spread of attributions is.

    The logarithm of the interquartile range of the expected gradients over all pixels, as its
    distance from the median of clean images: attacks were found to widen it. Source: Yang et al.
    2020 (ML-LOO), section 3, with expected gradients for leave-one-out, which costs a pass a pixel.
    """

    title: ClassVar[str] = "Spread of attributions"
    source: ClassVar[str] = "Yang et al. 2020, arXiv:1906.03499"
    needs: ClassVar[tuple[Need, ...]] = ("attributions",)
    said: ClassVar[str] = "evidence is spread over the pixels unlike in clean images"
    differentiable: ClassVar[bool] = False
    order: ClassVar[int] = 42

    def measure(self, seen: Seen) -> Float[Tensor, "n 1"]:
        """The logarithm of the interquartile range."""
        assert seen.attributions is not None
        values = seen.attributions.flatten(1)
        values = values[:, :: max(1, values.shape[1] // MOST)]
        quartiles = torch.tensor([0.25, 0.75], device=values.device, dtype=values.dtype)
        low, high = values.quantile(quartiles, dim=1)
        spread: Tensor = (high - low).clamp(min=1e-12).log()[:, None]
        return spread

    def fit(self, measured: Float[Tensor, "m 1"], labels: Int64[Tensor, " m"]) -> dict[str, Tensor]:
        """The median of clean images."""
        return {"median": measured.median(0).values}

    def score(self, measured: Float[Tensor, "n 1"], state: State) -> Float[Tensor, " n"]:
        """See `Score.score`."""
        return (measured - state["median"].to(measured.device)).abs()[:, 0]
