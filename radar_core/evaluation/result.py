"""What an evaluation found, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radar_core.data.base import Problem
from radar_core.evaluation.statistics import BINS, which_bin
from radar_core.runtime import Passes, describe, versions
from radar_core.sanity import Share

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval; both are None where the figure is undefined."""

    value: float | None
    interval: tuple[float, float] | None

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"value": self.value, "interval": self.interval and list(self.interval)}


@dataclass(frozen=True)
class ClassFigures:
    """One class against the rest: how many images it has; recall, specificity and the others."""

    count: int
    figures: Mapping[str, Estimate]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"count": self.count} | {n: e.as_dict() for n, e in self.figures.items()}


@dataclass(frozen=True, eq=False)
class Predictions:
    """What was read in each image.

    Attributes:
        ids: of the images, n of them.
        truth: (n,) int64 true classes, as places in `classes`.
        probabilities: (n, k) float64 of each class.
        units: (n,) int64, images of one number are drawn together; equal to `arange(n)` where
            each image stands for itself.
    """

    classes: tuple[str, ...]
    ids: tuple[str, ...]
    truth: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    units: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def read(self) -> NDArray[np.int64]:
        """(n,) the class read in each image."""
        return np.asarray(self.probabilities.argmax(1))

    @property
    def grouped(self) -> bool:
        """Whether some images belong together."""
        return len(np.unique(self.units)) < len(self.units)


@dataclass(frozen=True)
class Bin:
    """Images whose winning probability lies in (low, high]: how many, how sure, how often right.

    `confidence` is their mean winning probability, 0 where there are none.
    """

    low: float
    high: float
    confidence: float
    right: Share


@dataclass(frozen=True)
class Resampling:
    """How intervals that are no plain proportion's were drawn.

    Attributes:
        over: `images`, or `groups` of images that belong together.
        units: how many of those there are.
    """

    over: str
    units: int
    replicates: int
    seed: int


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How well a classifier reads a labelled set.

    Attributes:
        split: of the images; `all` where they are of several or of none.
        trained_on: what the model's card says; None where it says nothing.
        figures: accuracy, balanced_accuracy, auc, f1, precision, recall, specificity (macro over
            the classes that have images), ece, mcc.
        per_class: recall (sensitivity), specificity, precision, f1 and auc, one against the rest.
        confidence: p10, p50, p90 of the winning probability.
        confusion: (k, k) int64 counts: true class, class read.
        bins: of confidence, for a reliability diagram.
        unlabelled: images passed over because nothing says their class.
        unreadable: images that could not be read, and why.
    """

    data: str
    split: str
    model: str
    trained_on: str | None
    predictions: Predictions
    figures: Mapping[str, Estimate]
    per_class: Mapping[str, ClassFigures]
    confidence: Mapping[str, Estimate]
    confusion: NDArray[np.int64]
    bins: tuple[Bin, ...]
    resampling: Resampling
    unlabelled: int = 0
    unreadable: tuple[Problem, ...] = ()
    passes: Passes = field(default_factory=Passes)
    seconds: float = 0.0

    def __len__(self) -> int:
        return len(self.predictions.ids)

    @property
    def nbytes(self) -> int:
        """Memory held, about."""
        return self.predictions.probabilities.nbytes + 100 * len(self)

    @property
    def present(self) -> tuple[str, ...]:
        """The classes that have images: those macro averages go over."""
        return tuple(name for name, one in self.per_class.items() if one.count)

    @property
    def absent(self) -> tuple[str, ...]:
        """The classes that the model knows and the images lack."""
        return tuple(name for name, one in self.per_class.items() if not one.count)

    def card(self) -> dict[str, Any]:
        """The figures as a model's card keeps them."""
        return {
            "images": len(self),
            **{name: estimate.as_dict() for name, estimate in self.figures.items()},
            "confidence": {name: estimate.as_dict() for name, estimate in self.confidence.items()},
            "per_class": {name: one.as_dict() for name, one in self.per_class.items()},
            "macro_over": list(self.present),
        }

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; an undefined figure is null."""
        proportions = "bootstrap" if self.resampling.over == "groups" else "Wilson"
        return {
            "model": self.model,
            "data": self.data,
            "split": self.split,
            "trained_on": self.trained_on,
            **self.card(),
            "absent": list(self.absent),
            "confusion": {
                "classes": list(self.per_class),
                "rows": "true class",
                "columns": "class read",
                "counts": self.confusion.tolist(),
            },
            "calibration": [
                {"low": b.low, "high": b.high, "confidence": b.confidence, **b.right.as_dict()}
                for b in self.bins
            ],
            "intervals": {
                "level": LEVEL,
                "proportions": proportions,
                "others": "bootstrap",
                **asdict(self.resampling),
            },
            "skipped": {
                "unlabelled": self.unlabelled,
                "unreadable": [asdict(problem) for problem in self.unreadable],
            },
            "seconds": self.seconds,
            "passes": asdict(self.passes),
            "machine": describe(),
            "versions": versions(),
        }


def reliability(predictions: Predictions, bins: int = BINS) -> tuple[Bin, ...]:
    """The bins of a reliability diagram (Guo et al. 2017)."""
    winning = predictions.probabilities.max(1)
    right = predictions.read == predictions.truth
    which = which_bin(winning, bins)
    found = []
    for number in range(bins):
        here = which == number
        count = int(here.sum())
        mean = float(winning[here].mean()) if count else 0.0
        share = Share(int(right[here].sum()), count)
        found.append(Bin(number / bins, (number + 1) / bins, mean, share))
    return tuple(found)
