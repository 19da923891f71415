"""Tables, report and files of an experiment; the AUROC against scikit-learn's."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from radar_core.experiments import summary
from radar_core.experiments.consistency import (
    auroc,
    comparisons,
    summarise,
    true_positive_rate,
)
from radar_core.experiments.report import html
from radar_core.experiments.results import TABLES, latex, write_results
from radar_core.experiments.store import ExperimentStore
from radar_core.runtime import device_kind


def outcome(image, label, first, reads, status, **more):
    """A row of what an attack did."""
    return {
        "kind": "outcome", "model": "m", "attack": "pgd", "eps": "4/255", "norm": "linf",
        "explainer": "", "metric": "", "image": image, "label": label, "first": first,
        "reads": reads, "status": status, "linf": 4 / 255, "l2": 1.0, "distance": math.nan, **more,
    }  # fmt: skip


ROWS = pd.DataFrame(
    [
        outcome("a", "mel", "mel", "nv", "flipped"),
        outcome("b", "mel", "mel", "mel", "held"),
        outcome("c", "nv", "nv", "nv", "no-op", linf=0.0),
        outcome("d", "nv", "mel", "nv", "already wrong"),
        outcome("e", "", "nv", "mel", "flipped"),
    ]
)


def test_rates_count_what_they_say():
    (row,) = summary.robustness(ROWS).to_dict("records")
    assert (row["images"], row["right"]) == (4, 3)
    assert row["accuracy"] == 3 / 4
    assert row["robust_accuracy"] == 2 / 4, "b and c; d was read right by the attack's doing"
    assert (row["success"], row["success_of"]) == (2 / 4, 4)
    assert row["no_op"] == 1
    # Wilson's interval of 2 in 4, by its closed form
    z, n, p = 1.959963984540054, 4, 0.5
    middle, half = p + z**2 / (2 * n), z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert row["success_low"] == pytest.approx((middle - half) / (1 + z**2 / n), abs=1e-9)
    assert row["success_high"] == pytest.approx((middle + half) / (1 + z**2 / n), abs=1e-9)
    parted = summary.robustness(ROWS, by=["label"]).set_index("label")
    assert parted.success["mel"] == 1 / 2 and parted.success["nv"] == 0


def test_a_class_never_read_right_has_no_rate():
    (row,) = summary.robustness(ROWS[ROWS.image == "d"]).to_dict("records")
    assert math.isnan(row["success"]) and row["success_of"] == 0


def test_a_nearest_example_attack_s_curve_is_the_share_within_a_distance():
    own = [
        outcome(str(n), "mel", "mel", "nv", "flipped", eps="own", norm="l2", distance=d)
        for n, d in enumerate((0.4, 0.1, 0.2))
    ]
    own.append(outcome("x", "mel", "mel", "mel", "held", eps="own", norm="l2"))
    curve = summary.along_epsilon(pd.DataFrame(own))
    assert list(curve.radius) == [0.1, 0.2, 0.4]
    assert list(curve.success) == [0.25, 0.5, 0.75]
    budget = summary.along_epsilon(ROWS)
    assert list(budget.radius) == pytest.approx([4 / 255])
    assert list(budget.success) == [0.5]


def test_confusion_counts_first_against_new():
    counts = summary.confusion(ROWS, "m", "pgd", "4/255")
    assert counts.loc["mel", "nv"] == 2 and counts.loc["mel", "mel"] == 1
    assert counts.loc["nv", "nv"] == 1 and counts.loc["nv", "mel"] == 1
    assert counts.to_numpy().sum() == 5


def test_the_most_fragile_image_comes_first():
    more = pd.concat(
        [ROWS, pd.DataFrame([outcome("a", "mel", "mel", "nv", "flipped", eps="8/255")])]
    )
    found = summary.by_image(more)
    assert found.image[0] == "a" and found.turned[0] == 2 and found.frames[0] == 2
    assert found.smallest[0] == pytest.approx(4)
    assert "d" not in set(found.image), "it was wrong before any attack"


def test_auroc_is_that_of_scikit_learn():
    draw = np.random.default_rng(3)
    attacked = draw.normal(0.8, 1, 30).round(1)  # rounded, so that there are ties
    benign = [draw.normal(0, 1, draw.integers(1, 5)).round(1) for _ in range(30)]
    pooled = np.concatenate(benign)
    truth = np.r_[np.ones(30), np.zeros(len(pooled))]
    scores = np.r_[attacked, pooled]
    value, low, high = auroc(*comparisons(attacked, benign))
    assert value == pytest.approx(roc_auc_score(truth, scores), abs=1e-12)
    assert low < value < high
    false, true, _ = roc_curve(truth, scores, drop_intermediate=False)
    assert true_positive_rate(attacked, pooled) == pytest.approx(true[false <= 0.05].max())


def test_interval_is_by_image():
    draw = np.random.default_rng(4)
    base = draw.normal(0, 1, 20)  # an image's scores are alike: repeating them is no new evidence
    narrow = [np.repeat(b, 2) for b in base]
    many = [np.repeat(b, 50) for b in base]
    attacked = base + 0.5
    assert auroc(*comparisons(attacked, narrow)) == pytest.approx(
        auroc(*comparisons(attacked, many))
    )


def test_nothing_to_tell_apart_is_not_a_number():
    value, low, high = auroc(*comparisons(np.ones(2), [np.empty(0), np.empty(0)]))
    assert math.isnan(value) and math.isnan(low) and math.isnan(high)
    assert math.isnan(true_positive_rate(np.empty(0), np.ones(3)))


def test_consistency_counts_adversarial_examples_alone():
    rows = []
    for number in range(8):
        status = "flipped" if number < 6 else "held"
        about = {"model": "m", "image": f"i{number}", "explainer": "gradcam"}
        run = {"metric": "topk_overlap", "attack": "pgd", "eps": "4/255", "status": status}
        rows.append({**about, **run, "kind": "attack", "value": 0.2 if number else math.nan})
        rows += [{**about, **run, "kind": "control", "value": 0.9} for _ in range(2)]
        rows.append({**about, **run, "kind": "outcome", "explainer": "", "value": math.nan})
    (said,) = summarise(pd.DataFrame(rows)).to_dict("records")
    assert (said["images"], said["undefined"]) == (5, 1)
    assert said["attacked"] == 0.2 and said["control"] == 0.9
    assert said["auroc"] == said["paired"] == said["tpr"] == 1.0
    assert math.isnan(said["repeat"])


def test_an_attack_on_the_explanation_counts_where_it_left_the_reading():
    (row,) = summary.robustness(ROWS.assign(attack="topk")).to_dict("records")
    assert math.isnan(row["success"]) and row["robust_accuracy"] == 2 / 4
    about = {"model": "m", "explainer": "gradcam", "metric": "topk_overlap", "attack": "topk"}
    rows = [
        {**about, "eps": "4/255", "image": f"i{n}", "status": status, "kind": kind, "value": value}
        for n, status in enumerate(["held", "held", "flipped", "no-op", "already wrong"])
        for kind, value in (("attack", n / 10), ("control", 0.9))
    ]
    (said,) = summarise(pd.DataFrame(rows)).to_dict("records")
    assert (said["images"], said["attacked"]) == (2, 0.05), "the two that read as before"


def test_everything_is_written(whole):
    store = ExperimentStore(whole)
    write_results(store)
    there = {path.name for path in (whole / "results").iterdir()}
    assert {f"{name}.{form}" for name in TABLES for form in ("csv", "parquet", "tex")} < there
    again = pd.read_parquet(whole / "results" / "robustness.parquet")
    pd.testing.assert_frame_equal(again, summary.robustness(store.rows(store.wanted())))
    page = (whole / "results" / "report.html").read_text()
    assert "What the attacks did" in page and "typed &lt;x&gt;" in page
    assert "<script" not in page and "http" not in page
    assert "nan" not in page.replace("Nanum", "")
    assert f"Computed on {device_kind()}. " in page and "last digits" not in page


def test_a_report_says_on_which_kinds_of_device_it_was_computed(whole):
    store = ExperimentStore(whole)
    rows, manifest = store.rows(store.wanted()), store.manifest()
    rows["status"] = rows.status.astype(str)
    first = rows.index[rows.kind == "cost"][0]
    rows.loc[first, "status"] = "cuda (NVIDIA <H200>)"
    assert summary.devices(rows) == sorted([device_kind(), "cuda (NVIDIA <H200>)"])
    page = html(manifest, rows, summarise(rows))
    assert "cuda (NVIDIA &lt;H200&gt;)" in page and "another the last digits" in page
    rows.loc[rows.kind == "cost", "status"] = [
        "cpu",
        *[""] * (int((rows.kind == "cost").sum()) - 1),
    ]
    assert summary.devices(rows) == ["cpu", "another that was not recorded"]
    rows.loc[rows.kind == "cost", "status"] = ""  # written by an earlier version
    assert summary.devices(rows) == [] and "Computed on" not in html(
        manifest, rows, summarise(rows)
    )


def test_latex_escapes_what_it_would_read_as_a_command():
    table = pd.DataFrame({"a_b": ["50 % & more", "ε"], "n": [0.5, math.nan]})
    said = latex(table)
    assert r"a\_b & n" in said and r"50 \% \& more & 0.5 \\" in said and r"$\varepsilon$" in said
    assert said.startswith("\\begin{tabular}{lr}\n\\toprule")
