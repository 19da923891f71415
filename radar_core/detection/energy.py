"""Free energy of the logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from radar_core.detection import DETECTORS, OfLogits


@DETECTORS.register("energy")
@dataclass(frozen=True)
class Energy(OfLogits):
    """How little speaks for all classes together: −log Σ exp(logits).

    Source: Liu et al. 2020, eq. 4, at temperature 1.
    """

    title: ClassVar[str] = "Energy"
    source: ClassVar[str] = "Liu et al. 2020, arXiv:2010.03759"
    said: ClassVar[str] = "evidence for all classes together is unusually weak"
    order: ClassVar[int] = 13
    library: ClassVar[str] = "EnergyBased"
