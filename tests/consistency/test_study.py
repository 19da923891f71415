"""A study: rows, going on after a kill, another study's folder, the page, the command."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score, roc_curve

from radar_core.cli import main
from radar_core.consistency import StudySpec, run_study, summarise
from radar_core.consistency.report import write_html
from radar_core.consistency.summary import auroc, comparisons, true_positive_rate
from radar_core.data.phantom import CLASSES
from radar_core.data.synthetic import PhantomData
from radar_core.errors import BadParameter, CannotWrite
from radar_core.models.classifier import Classifier
from radar_core.models.zoo import build

SPEC = StudySpec(
    data="phantom",
    model="toy",
    model_sha256="0" * 64,
    attacks=("fgsm", "deepfool"),
    eps=("2/255", "8/255"),
    explainers=("gradcam", "lime"),
    explainer_parameters=(("lime.samples", 32), ("lime.superpixels", 8)),
    controls=2,
)


@pytest.fixture(scope="module")
def data() -> PhantomData:
    return PhantomData("test", side=64)


@pytest.fixture(scope="module")
def model() -> Classifier:
    module = build("mobilenet_v3_small", 7, seed=1)
    with torch.no_grad():
        module.classifier[-1].weight *= 1e7
    return Classifier(
        module, CLASSES, cam_layer="features", input_size=64, card={"trained_on": "phantom"}
    )


@pytest.fixture(scope="module")
def study(data, model, tmp_path_factory):
    *_, last = run_study(SPEC, tmp_path_factory.mktemp("study"), data=data, model=model, images=3)
    return last


def test_rows_hold_every_value(study):
    rows = study.rows
    assert study.done == study.images == 3
    attacked = rows[rows.kind == "attack"]
    assert {tuple(x) for x in attacked[["attack", "eps"]].drop_duplicates().values} == {
        ("fgsm", "2/255"),
        ("fgsm", "8/255"),
        ("deepfool", "own"),
    }
    one = rows[(rows.explainer == "lime") & (rows.metric == "ssim")]
    assert (one.kind == "attack").sum() == 9
    assert (one.kind == "repeat").sum() == 3
    moved = attacked[attacked.status != "no-op"].drop_duplicates(["image", "attack", "eps"])
    assert (one.kind == "control").sum() == 2 * len(moved)
    assert {"lesion_share_change", "evidence_share_change"} < set(rows.metric)
    at = rows[(rows.attack == "fgsm") & (rows.eps == "8/255")]
    assert at["size"].to_numpy() == pytest.approx(8 / 255, rel=1e-3)


def test_a_study_goes_on_where_it_was(data, model, study, tmp_path, monkeypatch):
    steps = run_study(SPEC, tmp_path, data=data, model=model, images=3)
    next(steps)
    steps.close()
    cells = list((tmp_path / "cells").glob("*.parquet"))
    assert len(cells) == 1
    written = cells[0].stat().st_mtime_ns
    *_, resumed = run_study(SPEC, tmp_path, data=data, model=model, images=3)
    assert cells[0].stat().st_mtime_ns == written, "what is done is not done again"
    pd.testing.assert_frame_equal(resumed.rows, study.rows)
    fewer = next(run_study(SPEC, tmp_path, data=data, model=None, images=1))
    assert fewer.images == 1, "nothing is left to compute, so that no model is asked"


def test_another_study_is_not_mixed_in(data, model, tmp_path):
    next(run_study(SPEC, tmp_path, data=data, model=model, images=1))
    with pytest.raises(BadParameter, match=r"another study .*seed"):
        next(run_study(replace(SPEC, seed=1), tmp_path, data=data, model=model, images=1))
    (tmp_path / "manifest.json").write_text("[]")
    with pytest.raises(BadParameter, match="not a study's manifest"):
        next(run_study(SPEC, tmp_path, data=data, model=model, images=1))


def test_a_file_in_the_way_is_one_sentence(data, model, tmp_path):
    (tmp_path / "here").write_text("")
    with pytest.raises(CannotWrite, match="cannot be written"):
        next(run_study(SPEC, tmp_path / "here", data=data, model=model, images=1))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"attacks": ()}, "at least one attack"),
        ({"controls": 0}, "controls"),
        ({"eps": ()}, "needs an ε"),
        ({"eps": ("wide",)}, "wide"),
        ({"explainers": ("lyme",)}, "lyme"),
        ({"explainer_parameters": (("lime.samplers", 3),)}, "samplers"),
    ],
)
def test_a_specification_that_cannot_be(change, said):
    with pytest.raises(Exception, match=said):
        replace(SPEC, **change).runs()


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


def test_summary_counts_adversarial_examples_alone():
    rows = []
    for number in range(8):
        status = "flipped" if number < 6 else "held"
        about = {"image": f"i{number}", "explainer": "gradcam", "metric": "topk_overlap"}
        run = {"attack": "pgd", "eps": "4/255", "status": status}
        rows.append({**about, **run, "kind": "attack", "value": 0.2 if number else math.nan})
        rows += [{**about, **run, "kind": "control", "value": 0.9} for _ in range(2)]
    (said,) = summarise(pd.DataFrame(rows)).to_dict("records")
    assert (said["images"], said["undefined"]) == (5, 1)
    assert said["attacked"] == 0.2 and said["control"] == 0.9
    assert said["auroc"] == said["paired"] == said["tpr"] == 1.0
    assert math.isnan(said["repeat"])


def test_page_holds_what_was_found(study):
    page = write_html(study, summarise(study.rows), "python -m radar_core consistency <x>")
    assert "Which explainer tells which attack" in page
    assert "&lt;x&gt;" in page
    assert "<script" not in page and "http" not in page.replace("http-equiv", "")


def test_command(tmp_path, capsys):
    words = "consistency --attacks fgsm --eps 8/255 --explainers gradcam --images 2 --controls 1"
    out = ["--out", str(tmp_path / "out")]
    assert main([*words.split(), *out]) == 0
    assert "Top-k overlap" in capsys.readouterr().out
    assert main([*words.split(), *out, "--json"]) == 0
    json.loads(capsys.readouterr().out)
    for name in ("rows.parquet", "summary.parquet", "summary.html", "manifest.json"):
        assert (tmp_path / "out" / name).is_file()
    assert main([*words.split()[:-1], "2", *out]) == 2
    assert "another study" in capsys.readouterr().err
