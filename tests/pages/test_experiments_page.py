"""The page of experiments: what is asked, its command, a run from start to results, bad input."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from radar_core.experiments import background
from radar_core.experiments.run import run_experiment
from radar_core.experiments.spec import ExperimentSpec
from radar_core.experiments.words import finding
from radar_core.settings import ROOT
from tests.experiments.conftest import InProcess
from tests.pages.conftest import address, until

Open = Callable[..., AppTest]
# An experiment that computes nothing: it says how far it is, and pauses and stops when asked; what
# the command itself does then is what the tests of `experiments.background` see.
FAKE = """
    import time
    from pathlib import Path
    from radar_core.experiments.course import Course, write_course
    from radar_core.experiments.spec import ExperimentSpec
    from radar_core.experiments.store import ExperimentStore

    (out,) = (Path(word[6:]) for word in sys.argv if word.startswith("--out="))
    store = ExperimentStore(out)
    with store.held():
        for wish in ("pause", "stop"):
            store.wish(wish, wanted=False)
        store.write_manifest({"spec": ExperimentSpec(models=("toy",)).as_dict()}, ["part"])
        while not store.wished("stop"):
            state = "paused" if store.wished("pause") else "running"
            write_course(out, Course(state, 500, 7))
            time.sleep(0.05)
        write_course(out, Course("stopped", 500, 7))
"""
VIEWS = ("robustness", "explanations", "readings", "images", "cost", "paper")


@pytest.fixture(autouse=True)
def folder(app: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder for experiments; what a test has left running is ended."""
    monkeypatch.setenv("RADAR_EXPERIMENTS", str(tmp_path / "experiments"))
    monkeypatch.setenv("RADAR_THREADS", "1")
    yield tmp_path / "experiments"
    for child in background._STARTED.values():
        child.kill()
        child.wait()
    background._STARTED.clear()


@pytest.fixture(scope="module")
def finished(toy_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished experiment on the toy model, without the command's report."""
    spec = ExperimentSpec(
        split="test",
        models=("toy",),
        attacks=("fgsm", "deepfool"),
        eps=("4/255", "16/255"),
        explainers=("gradcam",),
        images=6,
        controls=2,
    )
    place = tmp_path_factory.mktemp("finished") / "done"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RADAR_MODELS", str(toy_models))
        *_, last = run_experiment(spec, place, InProcess())
    assert (last.state, last.failures) == ("done", ())
    return place


@pytest.fixture
def done(folder: Path, finished: Path) -> Path:
    """The same in the folder that the page looks into."""
    return shutil.copytree(finished, folder / "done")


def words(at: AppTest) -> str:
    return " ".join(m.value for m in at.markdown).replace("\\", "")


def labels(at: AppTest) -> list[str]:
    return [button.label for button in at.button]


def small(app: Open) -> AppTest:
    """The page, asked for four images of the toy model."""
    at = app("experiments")
    at.multiselect(key="experiments.models").set_value(["toy"]).run()
    at.multiselect(key="experiments.explainers").set_value([]).run()
    at.number_input(key="experiments.workers").set_value(1).run()
    return at.number_input(key="experiments.images").set_value(4).run()


def test_what_is_asked_is_said_as_a_command(app: Open, folder: Path) -> None:
    at = small(app)
    assert not at.exception
    at.multiselect(key="experiments.attacks").set_value(["pgd"]).run()
    at.number_input(key="experiments.pgd.steps").set_value(7).run()
    assert at.code[0].value == (
        "python -m radar_core experiment --split=test --models=toy --attacks=pgd "
        f"--explainers=none --images=4 --param=pgd.steps=7 --workers=1 "
        f"--out={folder / 'my-experiment'}"
    )
    assert "not a medical device" in words(at)
    assert not folder.exists(), "nothing is written before it starts"


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("experiments.models", [], "at least one of models; this grid is empty"),
        ("experiments.attacks", [], "at least one of attacks; this grid is empty"),
        ("experiments.name", "a/b", "an experiment's name has 1 to 40 letters"),
    ],
)
def test_what_cannot_be_is_one_sentence(app: Open, key: str, value: object, said: str) -> None:
    at = small(app)
    at.session_state[key] = value
    at.run()
    assert not at.exception
    assert [said in e.value.replace("\\", "") or said[1:] in e.value for e in at.error] == [True]
    assert "**Start**" not in labels(at)


def test_it_runs_from_start_to_results(app: Open, folder: Path) -> None:
    at = small(app)
    at.button(key="experiments.go").click().run()
    assert address(at)["run"] == "my-experiment"
    at = until(at, lambda at: "turned" in words(at) and "**Cancel**" not in labels(at))
    said = words(at)
    assert "FGSM, PGD (8 frames)" in said and "95 % interval" in said
    at.button(key="experiments.all").click().run()
    assert "**my-experiment**" in [label.replace("\\", "") for label in labels(at)]
    assert "done · 2 of 2 cells" in words(at)
    at.button(key="experiments.go").click().run()
    assert at.error[0].value.startswith("There is an experiment called my")


def test_it_is_paused_cancelled_and_resumed(
    app: Open, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "fake.py"
    script.write_text(f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{textwrap.dedent(FAKE)}")
    monkeypatch.setattr(background, "PYTHON", (sys.executable, str(script)))
    at = small(app)
    at.button(key="experiments.go").click().run()
    at = until(at, lambda at: "**Pause**" in labels(at))
    at.button(key="experiments.pause").click().run()
    at = until(at, lambda at: any("· paused" in b.proto.text for b in at.get("progress")))
    at.button(key="experiments.unpause").click().run()
    at = until(at, lambda at: "**Pause**" in labels(at))
    at.button(key="experiments.cancel").click().run()
    at = until(at, lambda at: "**Resume**" in labels(at) and len(at.info) == 1)
    assert at.info[0].value.startswith("It was stopped")
    at.button(key="experiments.resume").click().run()
    at = until(at, lambda at: "**Cancel**" in labels(at))
    at.button(key="experiments.cancel").click().run()
    until(at, lambda at: len(at.info) == 1)


@pytest.mark.parametrize("view", VIEWS)
def test_each_view_shows_what_was_found(app: Open, done: Path, view: str) -> None:
    at = app("experiments")
    at.button(key="experiments.open.done").click().run()
    at.session_state["experiments.view"] = view
    at = until(at.run(), lambda at: not at.get("progress"))
    charts, tables = len(at.get("plotly_chart")), len(at.table)
    expected = {
        "robustness": (1, 1),
        "readings": (1, 1),
        "images": (0, 0),
        "cost": (0, 1),
        "paper": (0, 1),
    }
    if view in expected:
        assert (charts, tables) == expected[view]
    assert [m.label for m in at.metric][:2] == ["Images", "Accuracy"]


def test_explanations_of_nothing_turned_say_so(app: Open, done: Path) -> None:
    """The command writes a table without columns where no attack turned a reading."""
    import pandas as pd

    (done / "results").mkdir()
    pd.DataFrame().to_parquet(done / "results" / "consistency.parquet")
    (done / "results" / "report.html").touch()
    at = app("experiments")
    at.button(key="experiments.open.done").click().run()
    at.session_state["experiments.view"] = "explanations"
    at.run()
    assert not at.exception
    assert "nothing to tell apart" in words(at)


def test_the_main_finding_is_the_smallest_epsilon_of_those_that_turn_most() -> None:
    import pandas as pd

    about = {"model": "m", "norm": "linf", "images": 10, "accuracy": 0.9, "success_of": 9}
    about |= {"robust_accuracy": 0.0, "success_low": 0.7, "success_high": 1.0}
    frames = [("fgsm", "8/255", 1.0), ("pgd", "2/255", 1.0), ("pgd", "1/255", 0.5)]
    rows = [{**about, "attack": a, "eps": e, "success": s} for a, e, s in frames]
    assert finding(pd.DataFrame(rows), whole=True) == (
        "PGD at ε 2/255 turned 100 % of the readings of m: 9 images that it had read right, 95 % "
        "interval 70 to 100 %; its accuracy went from 90 % to 0 %. No attack of this grid turned "
        "more."
    )


def test_no_such_experiment_is_said(app: Open) -> None:
    at = app("experiments", run="gone")
    assert not at.exception
    at.query_params["run"] = "gone"
    at.run()
    assert "There is no experiment called 'gone' here" in at.info[0].value.replace("\\", "")


def test_its_parts_load_no_torch() -> None:
    code = "import sys, radar_core.ui.experiment_body; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, check=True)
