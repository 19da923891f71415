"""Figures of a classifier as functions of weighted images, many weightings at once.

A weighting says how often each image counts: all ones for the set as it is, a draw with replacement
for a bootstrap replicate. So a figure and its replicates come from one formula, that of
scikit-learn (`sample_weight`). What is undefined is NaN.

r weightings, n images, k classes, b bins throughout.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64
from numpy.typing import NDArray

BINS = 15  # of confidence, as in Guo et al. 2017
SHARES = {"p10": 0.1, "p50": 0.5, "p90": 0.9}  # of the winning probability
OVERALL = (
    *("accuracy", "balanced_accuracy", "auc", "f1", "precision", "recall", "specificity"),
    *("ece", "mcc"),
)
PER_CLASS = ("recall", "specificity", "precision", "f1", "auc")


class Figures(NamedTuple):
    """Every figure under each weighting: `overall` (r,) and `confidence` (r,), `per_class` (r, k).

    `confusion` is (r, k, k): true class, class read.
    """

    overall: dict[str, NDArray[np.float64]]
    per_class: dict[str, NDArray[np.float64]]
    confidence: dict[str, NDArray[np.float64]]
    confusion: NDArray[np.float64]


def figures(
    truth: Int64[np.ndarray, " n"],
    probabilities: Float64[np.ndarray, "n k"],
    weights: Float64[np.ndarray, "r n"],
) -> Figures:
    """All figures of `OVERALL`, `PER_CLASS` and `SHARES`.

    Macro averages go over the classes that have images under that weighting. A class that has
    images and is never read has no precision of its own, and counts as 0 in the macro precision
    (scikit-learn's `zero_division=0`): leaving it out would flatter.
    """
    count = probabilities.shape[1]
    read, winning = probabilities.argmax(1), probabilities.max(1)
    table = confusion(truth, read, weights, count)
    each = rates(table)
    each["auc"] = areas(truth, probabilities, weights)
    there = table.sum(2) > 0
    filled = {**each, "precision": np.where(np.isnan(each["precision"]), 0.0, each["precision"])}
    overall = {name: _macro(filled[name], there) for name in PER_CLASS}
    overall["balanced_accuracy"] = overall["recall"]
    overall["accuracy"] = _ratio(np.trace(table, axis1=1, axis2=2), table.sum((1, 2)))
    overall["ece"] = calibration_error(winning, read == truth, weights)
    overall["mcc"] = matthews(table)
    percentiles = quantiles(winning, weights, list(SHARES.values()))
    return Figures(
        {name: overall[name] for name in OVERALL},
        {name: each[name] for name in PER_CLASS},
        dict(zip(SHARES, percentiles.T, strict=True)),
        table,
    )


def confusion(
    truth: Int64[np.ndarray, " n"],
    read: Int64[np.ndarray, " n"],
    weights: Float64[np.ndarray, "r n"],
    classes: int,
) -> Float64[np.ndarray, "r k k"]:
    """Weight of the images of each true class that are read as each class."""
    cell = truth * classes + read
    found = [np.bincount(cell, row, classes * classes) for row in weights]
    return np.stack(found).astype(np.float64).reshape(-1, classes, classes)


def rates(table: Float64[np.ndarray, "r k k"]) -> dict[str, NDArray[np.float64]]:
    """Recall (sensitivity), specificity, precision and F1 of each class against the rest.

    Recall and F1 of a class without images are undefined, specificity where there is no other
    class, precision where nothing is read as the class.
    """
    hits = np.diagonal(table, axis1=1, axis2=2)
    there, read, total = table.sum(2), table.sum(1), table.sum((1, 2))[:, None]
    f1 = _ratio(2 * hits, there + read)
    return {
        "recall": _ratio(hits, there),
        "specificity": _ratio(total - there - read + hits, total - there),
        "precision": _ratio(hits, read),
        "f1": np.where(there > 0, f1, np.nan),
    }


def areas(
    truth: Int64[np.ndarray, " n"],
    probabilities: Float64[np.ndarray, "n k"],
    weights: Float64[np.ndarray, "r n"],
) -> Float64[np.ndarray, "r k"]:
    """Area under the ROC curve of each class against the rest: Mann–Whitney, ties count half."""
    found = np.empty((len(weights), probabilities.shape[1]))
    for k, scores in enumerate(probabilities.T):
        order = np.argsort(scores, kind="stable")
        ranked, own = scores[order], truth[order] == k
        first = np.searchsorted(ranked, ranked[own], "left")
        last = np.searchsorted(ranked, ranked[own], "right")
        sorted_weights = weights[:, order]
        below = np.zeros((len(weights), len(order) + 1))  # weight of the others up to a place
        np.cumsum(np.where(own, 0.0, sorted_weights), axis=1, out=below[:, 1:])
        mine = sorted_weights[:, own]
        wins = (mine * (below[:, first] + below[:, last])).sum(1) / 2
        found[:, k] = _ratio(wins, mine.sum(1) * below[:, -1])
    return found


def calibration_error(
    confidence: Float64[np.ndarray, " n"],
    right: NDArray[np.bool_],
    weights: Float64[np.ndarray, "r n"],
    bins: int = BINS,
) -> Float64[np.ndarray, " r"]:
    """Expected calibration error over equal-width bins (l, u] (Guo et al. 2017, eq. 3).

    torchmetrics gives the same but for a confidence of exactly 1, which it puts into a bin of its
    own (its bins are [l, u)).
    """
    inside = np.eye(bins)[which_bin(confidence, bins)]
    gap = inside * (right.astype(np.float64) - confidence)[:, None]
    return _ratio(np.abs(weights @ gap).sum(1), weights.sum(1))


def which_bin(confidence: Float64[np.ndarray, " n"], bins: int = BINS) -> Int64[np.ndarray, " n"]:
    """The bin of each confidence, from 0."""
    return np.asarray(np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1))


def matthews(table: Float64[np.ndarray, "r k k"]) -> Float64[np.ndarray, " r"]:
    """Matthews' correlation of true and read class (Gorodkin 2004).

    Undefined where one class alone is there, or alone is read; scikit-learn says 0.
    """
    total = table.sum((1, 2))
    there, read = table.sum(2), table.sum(1)
    hits = np.trace(table, axis1=1, axis2=2)
    spread = (total**2 - (there**2).sum(1)) * (total**2 - (read**2).sum(1))
    return _ratio(hits * total - (there * read).sum(1), np.sqrt(np.maximum(spread, 0)))


def quantiles(
    values: Float64[np.ndarray, " n"], weights: Float64[np.ndarray, "r n"], shares: Sequence[float]
) -> Float64[np.ndarray, "r s"]:
    """The smallest value that a share of the images does not exceed (inverted distribution)."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[:, order], axis=1)
    reached /= reached[:, -1:]
    # argmax finds the first place that is reached; the slack forgives rounding in the sum.
    places = [(reached >= share - 1e-12).argmax(1) for share in shares]
    return np.asarray(values[order][np.stack(places, axis=1)])


def draws(
    units: Int64[np.ndarray, " n"], replicates: int, generator: np.random.Generator
) -> Float64[np.ndarray, "r n"]:
    """Weightings of bootstrap replicates: whole units are drawn with replacement.

    Args:
        units: per image, the unit it belongs to, from 0; its own number where images are drawn.
    """
    count = int(units.max()) + 1
    drawn = generator.integers(count, size=(replicates, count))
    times = [np.bincount(row, minlength=count) for row in drawn]
    return np.stack(times).astype(np.float64)[:, units]


def _macro(
    values: Float64[np.ndarray, "r k"], there: NDArray[np.bool_]
) -> Float64[np.ndarray, " r"]:
    defined = there & ~np.isnan(values)
    return _ratio(np.where(defined, values, 0.0).sum(1), defined.sum(1))


def _ratio(part: NDArray[np.float64], whole: NDArray[np.generic]) -> NDArray[np.float64]:
    """Quotient; NaN where there is nothing to divide by."""
    nothing = np.full(np.shape(part), np.nan)
    return np.asarray(np.divide(part, whole, out=nothing, where=np.asarray(whole) > 0))
