"""The page of the evaluation: run, read the figures, take them away, watch, stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from radar_core.data.phantom import CLASSES
from radar_core.evaluation import Evaluation
from radar_core.evaluation.result import Predictions
from radar_core.evaluation.run import measured
from radar_core.ui import evaluate_body
from tests.pages.conftest import until

Open = Callable[..., AppTest]


def evaluation(trained_on: str = "phantom", split: str = "test") -> Evaluation:
    """Seven classes, ten images of each but the last, which has none."""
    draw = np.random.default_rng(0)
    truth = np.repeat(np.arange(6), 10)
    logits = draw.normal(size=(60, 7)) + 3 * np.eye(7)[truth]
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    ids = tuple(f"i{n}" for n in range(60))
    predictions = Predictions(CLASSES, ids, truth, p, np.arange(60))
    return measured(
        predictions, data="phantom", split=split, model="toy", trained_on=trained_on, replicates=50
    )


def said(words: str) -> Callable[[AppTest], bool]:
    return lambda at: any(words in m.value for m in at.markdown)


def done(at: AppTest) -> bool:
    return said("Calibration error: Guo")(at) and not any(
        b.key == "evaluate.stop" for b in at.button
    )


def given(found: Evaluation):
    return lambda *_: lambda progress: iter([None, found])


def test_figures_tables_charts_and_the_command(app: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    found = evaluation()
    monkeypatch.setattr(evaluate_body, "evaluation_steps", given(found))
    at = app("evaluate")
    assert any("about a minute on a CPU" in m.value for m in at.markdown)
    at.selectbox(key="evaluate.model").set_value("toy").run()
    at.button(key="evaluate.go").click().run()
    at = until(at, done)
    names = [m.label for m in at.metric]
    assert names == ["Accuracy", "Balanced accuracy", "AUC", "F1", "Calibration error (ECE)"]
    assert at.metric[0].value == f"{100 * found.figures['accuracy'].value:.1f} %"
    assert " to " in at.metric[2].delta
    assert list(at.table[0].value.columns) == [
        *("Model", "Accuracy", "AUC", "F1", "Precision", "Recall", "Specificity")
    ]
    assert len(at.table[1].value) == 7
    assert at.table[1].value["AUC"].iloc[6] == "–"
    assert len(at.get("plotly_chart")) == 3
    assert "evaluate --data phantom --split test --model toy --json" in at.code[0].value
    assert ["vasc" in w.value for w in at.warning] == [True]  # the class without images
    assert len(at.get("download_button")) == 2
    root = Path(__file__).resolve().parents[2]
    at.switch_page(str(root / "pages" / "methods.py")).run()
    at.switch_page(str(root / "pages" / "evaluate.py")).run()
    assert not at.exception
    until(at, done)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (evaluation(trained_on="/data/ham"), "trained on ham, not on the phantom"),
        (evaluation(split="train"), "these very images"),
    ],
)
def test_the_page_warns_of_figures_that_mislead(
    app: Open, monkeypatch: pytest.MonkeyPatch, found: Evaluation, words: str
) -> None:
    monkeypatch.setattr(evaluate_body, "evaluation_steps", given(found))
    at = app("evaluate")
    at.selectbox(key="evaluate.split.phantom").set_value(found.split).run()
    at.selectbox(key="evaluate.model").set_value("unlayered").run()
    at.button(key="evaluate.go").click().run()
    at = until(at, lambda at: any(words in w.value for w in at.warning))


def test_an_own_folder_is_evaluated_for_real(
    app: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    draw = np.random.default_rng(0)
    for split in ("train", "test"):
        for label in ("nv", "mel"):
            folder = tmp_path / "mine" / split / label
            folder.mkdir(parents=True)
            for number in range(3):
                pixels = draw.integers(0, 255, (70, 70, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    (tmp_path / "mine" / "test" / "nv" / "0.png").write_bytes(b"no image")
    monkeypatch.setenv("RADAR_DATA", str(tmp_path / "mine"))
    at = app("evaluate")
    at.selectbox(key="evaluate.data").set_value(str(tmp_path / "mine")).run()
    split = at.selectbox(key=f"evaluate.split.{tmp_path / 'mine'}")
    assert split.options == ["train", "test"] and split.value == "test"
    at.selectbox(key="evaluate.model").set_value("toy").run()
    at.button(key="evaluate.go").click().run()
    at = until(at, done)
    warned = " ".join(w.value for w in at.warning)
    assert "1 image could not be read" in warned
    assert "not on mine" in warned
    assert any("5 images of mine" in m.value for m in at.markdown)


def test_data_that_the_model_does_not_know_is_one_sentence(
    app: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for label in ("cat", "dog"):
        (tmp_path / label).mkdir()
        Image.new("RGB", (32, 32)).save(tmp_path / label / "0.png")
    monkeypatch.setenv("RADAR_DATA", str(tmp_path))
    at = app("evaluate")
    at.selectbox(key="evaluate.data").set_value(str(tmp_path)).run()
    assert at.selectbox(key=f"evaluate.split.{tmp_path}").options == ["all images"]
    at.button(key="evaluate.go").click().run()
    at = until(at, lambda at: bool(at.error))
    assert "does not know" in at.error[0].value


def test_an_evaluation_can_be_stopped(app: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: object):
        def steps(progress):
            for i in range(2000):
                progress.step(i / 2000, "images read")
                time.sleep(0.01)
                yield None

        return steps

    monkeypatch.setattr(evaluate_body, "evaluation_steps", slow)
    at = app("evaluate")
    at.selectbox(key="evaluate.split.phantom").set_value("val").run()
    at.button(key="evaluate.go").click().run()
    assert at.button(key="evaluate.stop")
    at.button(key="evaluate.stop").click().run()
    assert not any(b.key == "evaluate.stop" for b in at.button)
    assert not at.exception
