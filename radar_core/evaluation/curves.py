"""The ROC curves of an evaluation."""

from __future__ import annotations

import numpy as np

from radar_core.evaluation.result import Predictions

MOST = 200  # points of a curve: more than a chart can show


def roc_curves(predictions: Predictions) -> dict[str, list[tuple[float, float]]]:
    """Class → (false positive rate, true positive rate), from (0, 0) to (1, 1).

    One class against the rest, as scikit-learn's `roc_curve`; a class that has no images, or all of
    them, has no curve. Of more than `MOST` corners, as many are kept, evenly.
    """
    from sklearn.metrics import roc_curve

    found = {}
    for k, label in enumerate(predictions.classes):
        own = predictions.truth == k
        if own.all() or not own.any():
            continue
        false, true, _ = roc_curve(own, predictions.probabilities[:, k])
        kept = np.unique(np.linspace(0, len(false) - 1, min(MOST, len(false))).round().astype(int))
        found[label] = [(float(false[i]), float(true[i])) for i in kept]
    return found
