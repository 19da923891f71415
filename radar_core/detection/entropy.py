"""Entropy of the probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from radar_core.detection import DETECTORS, OfLogits


@DETECTORS.register("entropy")
@dataclass(frozen=True)
class Entropy(OfLogits):
    """How widely the probabilities are spread: −Σ p log p, in nats.

    Source: Chan et al. 2021, eq. 1.
    """

    title: ClassVar[str] = "Entropy"
    source: ClassVar[str] = "Chan et al. 2021, arXiv:2012.06575"
    said: ClassVar[str] = "reading is unusually spread over several classes"
    order: ClassVar[int] = 12
    library: ClassVar[str] = "Entropy"
