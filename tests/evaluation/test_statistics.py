"""The formulas beside scikit-learn and torchmetrics, on a set and on its bootstrap replicates."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn import metrics

from radar_core.evaluation import statistics

CLASSES = 4


def drawn(count: int = 90, seed: int = 0, ties: bool = False):
    """True classes and probabilities that lean towards them."""
    draw = np.random.default_rng(seed)
    truth = draw.integers(CLASSES, size=count)
    logits = draw.normal(size=(count, CLASSES)) + 1.2 * np.eye(CLASSES)[truth]
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    if ties:
        p = np.round(p, 1) + 1e-3
        p /= p.sum(1, keepdims=True)
    return truth, p


def replicates(count: int, how_many: int = 6, seed: int = 3):
    draw = np.random.default_rng(seed)
    weights = statistics.draws(np.arange(count), how_many, draw)
    assert weights.sum(1).tolist() == [count] * how_many
    return np.concatenate([np.ones((1, count)), weights])


@pytest.mark.parametrize("ties", [False, True])
def test_every_figure_is_scikit_learns_on_the_same_replicate(ties: bool):
    truth, p = drawn(ties=ties)
    weights = replicates(len(truth))
    found = statistics.figures(truth, p, weights)
    for row, weight in enumerate(weights):
        again = np.repeat(np.arange(len(truth)), weight.astype(int))  # the resample itself
        y, q = truth[again], p[again]
        read = q.argmax(1)
        table = metrics.confusion_matrix(y, read, labels=range(CLASSES))
        np.testing.assert_array_equal(found.confusion[row], table)
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(
            y, read, labels=range(CLASSES), zero_division=np.nan
        )
        aucs = [metrics.roc_auc_score(y == k, q[:, k]) for k in range(CLASSES)]
        others = [metrics.recall_score(y != k, read != k) for k in range(CLASSES)]
        expected = {
            "precision": precision,
            "recall": recall,
            "f1": f1,
            "auc": aucs,
            "specificity": others,
        }
        for name, values in expected.items():
            assert found.per_class[name][row] == pytest.approx(values), name
            assert found.overall[name][row] == pytest.approx(np.mean(values)), name
        assert found.overall["accuracy"][row] == pytest.approx(metrics.accuracy_score(y, read))
        balanced = metrics.balanced_accuracy_score(y, read)
        assert found.overall["balanced_accuracy"][row] == pytest.approx(balanced)
        macro = metrics.roc_auc_score(y, q, multi_class="ovr")
        assert found.overall["auc"][row] == pytest.approx(macro)
        assert found.overall["mcc"][row] == pytest.approx(metrics.matthews_corrcoef(y, read))
        for name, share in statistics.SHARES.items():
            value = np.quantile(q.max(1), share, method="inverted_cdf")
            assert found.confidence[name][row] == pytest.approx(value)


def test_calibration_error_is_that_of_torchmetrics():
    from torchmetrics.functional.classification import multiclass_calibration_error

    truth, p = drawn(400)
    right = p.argmax(1) == truth
    (ours,) = statistics.calibration_error(p.max(1), right, np.ones((1, 400)))
    theirs = multiclass_calibration_error(
        torch.from_numpy(p), torch.from_numpy(truth), num_classes=CLASSES, n_bins=15, norm="l1"
    )
    assert ours == pytest.approx(float(theirs), abs=1e-6)


def test_calibration_error_by_hand():
    # One bin holds 0.9 twice, half right; another holds 0.7 twice, both right.
    confidence = np.array([0.9, 0.9, 0.7, 0.7])
    right = np.array([True, False, True, True])
    (value,) = statistics.calibration_error(confidence, right, np.ones((1, 4)))
    assert value == pytest.approx(0.5 * 0.4 + 0.5 * 0.3)


def test_a_certain_reading_shares_its_bin_with_nearly_certain_ones():
    """Guo's bins are (l, u]; torchmetrics gives a confidence of 1 a sixteenth bin of its own."""
    confidence = np.array([1.0, 0.99])
    (value,) = statistics.calibration_error(confidence, np.array([True, False]), np.ones((1, 2)))
    assert value == pytest.approx(abs(0.5 - 0.995))
    assert statistics.which_bin(np.array([1.0, 0.0, 1 / 15]), 15).tolist() == [14, 0, 0]


def test_what_is_undefined_is_nan_and_left_out_of_no_average_that_it_would_flatter():
    truth = np.array([0, 0, 1, 1])
    p = np.array([[0.8, 0.1, 0.1], [0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.3, 0.3, 0.4]])
    found = statistics.figures(truth, p, np.ones((1, 4)))
    nan = np.isnan(found.per_class["precision"][0]).tolist()
    assert nan == [False, True, False]  # nothing is read as the second
    for name in ("recall", "f1", "auc"):
        assert np.isnan(found.per_class[name][0]).tolist() == [False, False, True], name
    assert found.overall["precision"][0] == pytest.approx((2 / 3 + 0) / 2)
    assert found.overall["recall"][0] == pytest.approx(0.5)
    one = statistics.figures(np.zeros(3, np.int64), p[:3], np.ones((1, 3)))
    for name in ("auc", "specificity", "mcc"):
        assert np.isnan(one.overall[name][0]), name


def test_whole_groups_are_drawn():
    units = np.array([0, 0, 0, 1, 2, 2])
    weights = statistics.draws(units, 50, np.random.default_rng(1))
    assert (weights[:, 0] == weights[:, 1]).all() and (weights[:, 4] == weights[:, 5]).all()
    assert (weights[:, [0, 3, 4]].sum(1) == 3).all()
