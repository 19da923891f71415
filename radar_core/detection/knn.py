"""Distance to the nearest clean images in feature space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from radar_core.detection import DETECTORS, Need, State
from radar_core.detection.seen import Seen
from radar_core.params import field_range


@DETECTORS.register("knn")
@dataclass(frozen=True)
class NearestNeighbours:
    """How far the k-th nearest clean training image is, features at length 1.

    Source: Sun et al. 2022, section 3.
    """

    title: ClassVar[str] = "Nearest clean images"
    source: ClassVar[str] = "Sun et al. 2022, arXiv:2204.06507"
    needs: ClassVar[tuple[Need, ...]] = ("features",)
    said: ClassVar[str] = "nearest clean images are unusually far"
    differentiable: ClassVar[bool] = True
    order: ClassVar[int] = 22

    k: int = field_range(10, 1, 200, title="Neighbours", help="the distance to the k-th counts")

    def measure(self, seen: Seen) -> Float[Tensor, "n f"]:
        """The features."""
        assert seen.features is not None
        return seen.features

    def fit(self, measured: Float[Tensor, "m f"], labels: Int64[Tensor, " m"]) -> dict[str, Tensor]:
        """The features of the clean images, at length 1."""
        return {"bank": torch.nn.functional.normalize(measured)}

    def score(self, measured: Float[Tensor, "n f"], state: State) -> Float[Tensor, " n"]:
        """See `Score.score`."""
        bank = state["bank"].to(measured.device, measured.dtype)
        found = torch.nn.functional.normalize(measured)
        distances = torch.cdist(found, bank, compute_mode="donot_use_mm_for_euclid_dist")
        return distances.kthvalue(min(self.k, len(bank)), dim=1).values
