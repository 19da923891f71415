"""Maximum softmax probability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from radar_core.detection import DETECTORS, OfLogits


@DETECTORS.register("max_softmax")
@dataclass(frozen=True)
class MaxSoftmax(OfLogits):
    """How unsure the model is of what it reads: minus the largest probability.

    Attacks that stop at the decision boundary (DeepFool, C&W) leave a model unsure; PGD makes it
    surer than clean images do, which this score takes for a good sign. Source: Hendrycks & Gimpel
    2017, section 2.
    """

    title: ClassVar[str] = "Largest probability"
    source: ClassVar[str] = "Hendrycks & Gimpel 2017, arXiv:1610.02136"
    said: ClassVar[str] = "model is unusually unsure of its reading"
    order: ClassVar[int] = 10
    library: ClassVar[str] = "MaxSoftmax"
