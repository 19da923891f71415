"""The command `evaluate` as its user types it."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radar_core.cli import main
from radar_core.models.classifier import Classifier
from radar_core.models.store import save_model
from radar_core.models.zoo import build

CLASSES = ("mel", "nv", "<b>vasc")
FIGURES = ("accuracy", "balanced_accuracy", "auc", "f1", "precision", "recall", "specificity")


@pytest.fixture(scope="module")
def toy(tmp_path_factory) -> str:
    module = build("mobilenet_v3_small", 3, seed=1)
    model = Classifier(module, CLASSES, cam_layer="features", input_size=64, name="toy")
    path = tmp_path_factory.mktemp("models") / "toy.safetensors"
    card = {"architecture": "mobilenet_v3_small", "trained_on": "phantom"}
    return str(save_model(model, path, card))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Two splits of two classes, one file of it damaged."""
    root, draw = tmp_path_factory.mktemp("mine"), np.random.default_rng(2)
    for split, count in (("train", 2), ("test", 5)):
        for label in CLASSES[:2]:
            (root / split / label).mkdir(parents=True)
            for number in range(count):
                pixels = draw.integers(0, 255, (64, 80, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / split / label / f"={number}.png")
    (root / "test" / "mel" / "=0.png").write_bytes(b"GIF89a")
    return root


def run(capsys, *words: str) -> tuple[int, str, str]:
    code = main(["evaluate", "--replicates", "50", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_one_json_object_and_three_files(capsys, toy, folder, tmp_path):
    out = tmp_path / "deep" / "out"
    words = ("--data", str(folder), "--model", toy, "--json")
    code, text, _ = run(capsys, *words, "--out", str(out))
    assert code == 0
    found = json.loads(text)
    assert text.count("\n") == 1
    assert found["split"] == "test", "the held-out split, where there is one"
    assert found["images"] == 9
    assert [row["name"] for row in found["skipped"]["unreadable"]] == ["test/mel/=0.png"]
    for name in (*FIGURES, "ece"):
        low, high = found[name]["interval"]
        assert 0 <= low <= found[name]["value"] <= high <= 1
    assert found["per_class"]["<b>vasc"]["recall"] == {"value": None, "interval": None}
    assert np.sum(found["confusion"]["counts"]) == 9
    assert {"machine", "versions", "passes", "seconds", "model", "data"} <= set(found)
    assert json.loads((out / "evaluation.json").read_text())["auc"] == found["auc"]
    rows = list(csv.DictReader((out / "predictions.csv").read_text().splitlines()))
    assert len(rows) == 9
    for row in rows:
        p = {c: float(row[c]) for c in CLASSES}
        assert sum(p.values()) == pytest.approx(1, abs=1e-4)
        assert p[row["reading"]] == max(p.values())
    right = np.mean([row["label"] == row["reading"] for row in rows])
    assert found["accuracy"]["value"] == pytest.approx(right)
    page = (out / "evaluation.html").read_text()
    assert "<b>vasc" not in page and "&lt;b&gt;vasc" in page
    assert page.count("<svg") == 2 and page.count("aria-label=") == 2
    assert not re.findall(r"(?:src|href)=", page), "it needs nothing beside it"
    _, again, _ = run(capsys, *words)
    repeated = json.loads(again)
    for values in (found, repeated):
        values.pop("seconds")
    assert repeated == found


def test_the_table_has_the_papers_columns(capsys, toy, folder):
    code, text, _ = run(capsys, "--data", str(folder), "--model", toy, "--split", "train")
    assert code == 0
    head = next(line for line in text.splitlines() if line.startswith("Model"))
    columns = ["Accuracy", "AUC", "F1", "Precision", "Recall", "Specificity"]
    assert head.split() == ["Model", *columns]
    assert "4 images of" in text and "train split" in text
    assert "synthetic phantom, not on" in text
    assert "not a medical device" in text
    assert re.search(r"\d\.\d \(\d+\.\d to \d+\.\d\)", text)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--split", "holdout"], "no split 'holdout'"),
        (["--replicates", "0"], "a number from 1"),
        (["--data", "/nowhere/at/all"], "/nowhere/at/all"),
        (["--model", "nobody"], "no model is called 'nobody'"),
        (["--out", "/proc/nowhere"], "cannot be"),
        (["--data", "phantom"], "does not know (akiec, bcc"),
    ],
)
def test_bad_input_gets_one_sentence(capsys, toy, folder, words, says):
    code, out, err = run(capsys, "--data", str(folder), "--model", toy, *words)
    assert code == 2
    assert out == ""
    assert says in err
    assert err.count("\n") == 1
