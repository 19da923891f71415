"""How far SHAP values move under benign changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from radar_core.detection import DETECTORS, Need, Stability
from radar_core.detection.seen import Seen


@DETECTORS.register("shap_stability")
@dataclass(frozen=True)
class ShapStability(Stability):
    """How far SHAP values move when the image is squeezed.

    The mean of 1 − Pearson's correlation between the map of the image and that of each variant, all
    of the class first read: paired, as the consistency of a clean and an attacked image is, but
    with variants of one image, so no clean twin is needed. Ours, after the paired comparison of
    RADAR-MIX (Aguiar et al. 2024) and the squeezers of Xu et al. 2018.
    """

    title: ClassVar[str] = "Stability of SHAP"
    source: ClassVar[str] = "ours, after Aguiar et al. 2024, doi:10.1109/CBMS61543.2024.00078"
    needs: ClassVar[tuple[Need, ...]] = ("attributions",)
    said: ClassVar[str] = "pixels that speak for the reading change under changes that mean nothing"
    order: ClassVar[int] = 41

    def maps(self, seen: Seen) -> tuple[Tensor, Mapping[str, Tensor]]:
        """See `Stability.maps`."""
        assert seen.attributions is not None
        return seen.attributions, seen.attribution_views
