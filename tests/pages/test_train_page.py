"""The page of trainings: start, progress, done, stop, and what it refuses."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from radar_core.models import list_models
from radar_core.settings import ROOT
from radar_core.training import background
from radar_core.training.plan import STATE
from radar_core.training.recipe import Recipe
from radar_core.training.workshop import Diary
from radar_core.ui import compute
from tests.pages.conftest import PATIENCE, address, until

ARCH = "mobilenet_v3_small"
Open = Callable[..., AppTest]
# A training without a network: it holds the workshop, writes its course, and can be stopped.
FAKE = """
    import argparse, signal, sys, time
    from pathlib import Path
    from radar_core.errors import Cancelled
    from radar_core.training.plan import STATE, Plan
    from radar_core.training.workshop import occupied

    def stop(*_):
        raise KeyboardInterrupt

    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path)
    given, _ = parser.parse_known_args()
    signal.signal(signal.SIGTERM, stop)
    plan = Plan("resnet18", given.out, data="phantom")
    try:
        with occupied(plan) as diary:
            report, progress = diary.reported(None), diary.watched(None)
            (plan.workshop / STATE).touch()
            for epoch in (1, 2):
                rates = {"val_accuracy": 0.5, "val_balanced_accuracy": 0.4}
                report({"epoch": epoch, "loss": 2.0, "val_score": 1 / epoch, **rates})
            diary.goes_on([])
            try:
                for second in range(1000):
                    time.sleep(0.2)
                    progress.step(0.3, "epoch 3 of 20, at most 12 min left")
            except KeyboardInterrupt:
                raise Cancelled("stopped after epoch 2; the best is stored; --resume goes on")
    except Cancelled as error:
        print(f"radar: {error}")
"""


@pytest.fixture(autouse=True)
def _ended() -> Iterator[None]:
    yield
    for child in background._STARTED.values():
        child.kill()
        child.wait()
    background._STARTED.clear()


@pytest.fixture
def folder(app: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for models; trainings are `FAKE`, unless a test says otherwise."""
    script = tmp_path / "fake.py"
    script.write_text(f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{textwrap.dedent(FAKE)}")
    monkeypatch.setattr(background, "PYTHON", (sys.executable, str(script)))
    monkeypatch.setenv("RADAR_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("RADAR_THREADS", "1")
    return tmp_path / "models"


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Two classes of six images, without splits, offered as data."""
    draw, folder = np.random.default_rng(0), tmp_path / "mine"
    for label in ("lower", "upper"):
        (folder / label).mkdir(parents=True)
        for number in range(6):
            pixels = draw.integers(0, 255, (40, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{number}.png")
    monkeypatch.setenv("RADAR_DATA", str(folder))
    return str(folder)


def progress(at: AppTest) -> list[str]:
    return [bar.proto.text for bar in at.get("progress")]


def words(at: AppTest) -> str:
    return " ".join(m.value for m in at.markdown).replace("\\", "")


def labels(at: AppTest) -> list[str]:
    return [button.label for button in at.button]


def test_what_is_asked_is_said_before_it_starts(app: Open, folder: Path) -> None:
    at = app("train")
    assert not at.exception
    said = words(at)
    assert "9,800 images of 7 classes: 7,000 to train on" in said
    assert "not a medical device" in said
    assert at.code[0].value == (
        "python -m radar_core train --data phantom --arch efficientnet_lite0 "
        f"--out {folder / 'my-model'}"
    )
    at.selectbox(key="train.arch").set_value("resnet18").run()
    at.selectbox(key="train.start").set_value("none").run()
    at.selectbox(key="train.folds").set_value(5).run()
    at.number_input(key="recipe.rate").set_value(2e-4).run()
    at.toggle(key="recipe.warm_up").set_value(False).run()
    assert at.code[0].value.endswith("--pretrained none --folds 5 --warm-up False --rate 0.0002")
    assert not folder.exists(), "nothing is written before it starts"


def test_progress_stop_go_on_remove(app: Open, folder: Path) -> None:
    at = app("train")
    at.button(key="train.go").click().run()
    at = until(at, lambda at: "at most 12 min left" in "".join(progress(at)))
    assert len(at.get("plotly_chart")) == 2
    assert list(at.table[0].value["Epoch"]) == ["1", "2, kept"]
    other = app("train")  # who comes later sees it too, and cannot start a second
    assert address(other)["training"] == "my-model"
    other.text_input(key="train.name").set_value("second").run()
    other.button(key="train.go").click().run()
    assert "is being trained" in other.error[0].value
    at.button(key="train.stop").click().run()
    at = until(at, lambda at: "**Go on**" in labels(at))
    assert at.info[0].value == "Stopped after epoch 2; the best is stored."
    at.button(key="train.go").click().run()
    assert "can go on" in at.error[0].value
    at.button(key="train.resume.my-model").click().run()
    at = until(at, lambda at: "**Stop**" in labels(at))
    at.button(key="train.stop").click().run()
    at = until(at, lambda at: "**Go on**" in labels(at))
    at.button(key="train.remove.my-model").click().run()
    assert not (folder / "my-model").exists()
    assert "**Go on**" not in labels(at)


def test_trainings_of_earlier_sessions_are_listed(app: Open, folder: Path) -> None:
    plan = background.planned(folder, "old", "phantom", "resnet18")
    plan.workshop.mkdir(parents=True)
    (plan.workshop / STATE).touch()
    Diary(plan).goes_on([])
    at = app("train")
    assert any("**old**: It was killed" in m.value for m in at.markdown)
    assert {"**Go on**", "Remove"} <= set(labels(at))
    at.button(key="train.resume.old").click().run()
    at = until(at, lambda at: "**Stop**" in labels(at))


def test_a_real_training_ends_with_figures_and_leaves_no_workshop(
    app: Open, folder: Path, images: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "PYTHON", (sys.executable, "-m", "radar_core"))
    at = app("train")
    at.selectbox(key="train.data").set_value(images).run()
    said = words(at)
    assert "12 images of 2 classes" in said and "cut at random" in said
    at.selectbox(key="train.arch").set_value(ARCH).run()
    at.selectbox(key="train.start").set_value("none").run()
    at.number_input(key="recipe.epochs").set_value(1).run()
    at.text_input(key="train.name").set_value("mine").run()
    at.button(key="train.go").click().run()
    assert at.button(key="train.stop")
    (child,) = background._STARTED.values()
    assert child.wait(PATIENCE) == 0, (folder / "mine" / background.LOG).read_text()
    at = until(at, lambda at: len(at.metric) == 5)
    assert [m.label for m in at.metric][:2] == ["Accuracy", "Balanced accuracy"]
    assert " to " in at.metric[0].delta
    assert len(at.get("page_link")) == 2
    assert len(at.get("plotly_chart")) == 2
    assert any("mine.safetensors" in m.value for m in at.markdown)
    assert not list(folder.glob("*/.*"))
    one = background.find(folder, "mine")
    assert one is not None and one.condition == "done"
    assert one.card is not None and one.card["figures"]["test"]["images"] > 0
    recipe = Recipe(epochs=1)
    plan = background.planned(folder, "mine", images, ARCH, pretrained="none", recipe=recipe)
    assert one.card["recipe"]["command"] == background.command(plan)
    assert one.card["trained_on"] == "mine"
    assert "mine" in {info.name for info in list_models()}
    at.button(key="train.go").click().run()
    assert at.error[0].value.startswith("There is a model called mine; choose another name")


@pytest.mark.parametrize("name", ["../up", "a/b", "", "a b"])
def test_a_bad_name_is_refused(app: Open, folder: Path, name: str) -> None:
    at = app("train")
    at.text_input(key="train.name").set_value(name).run()
    assert not at.exception
    assert "letters, digits" in at.error[0].value
    assert not any(b.key == "train.go" for b in at.button)


def test_data_that_cannot_be_trained_on_is_one_sentence(
    app: Open, folder: Path, images: str, tmp_path: Path
) -> None:
    for file in (tmp_path / "mine" / "upper").glob("*.png"):
        if file.name != "0.png":
            file.unlink()
    compute._open.cache_clear()
    at = app("train")
    at.selectbox(key="train.data").set_value(images).run()
    assert "too few images of upper" in at.error[0].value
    assert not any(b.key == "train.go" for b in at.button)


def test_a_failure_is_one_sentence(
    app: Open, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "import sys; print('radar: the weights are not installed; run: pip'); sys.exit(2)"
    monkeypatch.setattr(background, "PYTHON", (sys.executable, "-c", script))
    at = app("train")
    at.button(key="train.go").click().run()
    at = until(at, lambda at: bool(at.error))
    assert at.error[0].value == "The weights are not installed; run\\: pip."
    at.button(key="train.remove.my-model").click().run()
    assert not list(folder.iterdir())


def test_its_parts_load_no_torch() -> None:
    code = "import sys, radar_core.ui.train_body; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, check=True)
