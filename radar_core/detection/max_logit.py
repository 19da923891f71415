"""Maximum logit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from radar_core.detection import DETECTORS, OfLogits


@DETECTORS.register("max_logit")
@dataclass(frozen=True)
class MaxLogit(OfLogits):
    """How little speaks for the class that is read: minus the largest logit.

    Unlike a probability it says how strongly the class is seen at all, whatever the others do.
    Source: Hendrycks et al. 2022, section 3.
    """

    title: ClassVar[str] = "Largest logit"
    source: ClassVar[str] = "Hendrycks et al. 2022, arXiv:1911.11132"
    said: ClassVar[str] = "evidence for the class that is read is unusually weak"
    order: ClassVar[int] = 11
    library: ClassVar[str] = "MaxLogit"
