"""How far Grad-CAM moves under benign changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from radar_core.detection import DETECTORS, Need, Stability
from radar_core.detection.seen import Seen


@DETECTORS.register("cam_stability")
@dataclass(frozen=True)
class CamStability(Stability):
    """How far Grad-CAM moves when the image is squeezed or gets a little noise.

    The mean of 1 − Pearson's correlation between the map of the image and that of each variant, all
    of the class first read: paired, as the consistency of a clean and an attacked image is, but
    with variants of one image, so no clean twin is needed. Ours, after the paired comparison of
    RADAR-MIX (Aguiar et al. 2024) and the squeezers of Xu et al. 2018.
    """

    title: ClassVar[str] = "Stability of Grad-CAM"
    source: ClassVar[str] = "ours, after Aguiar et al. 2024, doi:10.1109/CBMS61543.2024.00078"
    needs: ClassVar[tuple[Need, ...]] = ("maps",)
    said: ClassVar[str] = "places that speak for the reading move under changes that mean nothing"
    order: ClassVar[int] = 40

    def maps(self, seen: Seen) -> tuple[Tensor, Mapping[str, Tensor]]:
        """See `Stability.maps`."""
        assert seen.maps is not None
        return seen.maps, seen.map_views
