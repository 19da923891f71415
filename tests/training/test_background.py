"""Trainings in processes of their own: start, watch, stop, go on, remove; for real, on a toy.

One that comes to its end is started from its page, in `tests/pages/test_train_page.py`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radar_core.errors import BadParameter, CannotWrite
from radar_core.settings import ROOT
from radar_core.training import background
from radar_core.training.background import Training, find, go_on, planned, remove, start, stop
from radar_core.training.plan import STATE, Plan
from radar_core.training.recipe import Recipe
from radar_core.training.workshop import Diary, occupied, read_course

PATIENCE = 120.0


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes, four images each in train, two in val and test."""
    folder, draw = tmp_path_factory.mktemp("data") / "mine", np.random.default_rng(0)
    for split, count in (("train", 4), ("val", 2), ("test", 2)):
        for label in ("lower", "upper"):
            (folder / split / label).mkdir(parents=True)
            for number in range(count):
                pixels = draw.integers(60, 120, (48, 48, 3), dtype=np.uint8)
                pixels[: 24 if label == "upper" else -24] += 60
                Image.fromarray(pixels).save(folder / split / label / f"{number}.png")
    return folder


@pytest.fixture(autouse=True)
def _own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder for the models; what a failed test has left running there is ended."""
    monkeypatch.setenv("RADAR_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("RADAR_THREADS", "1")
    yield
    for child in background._STARTED.values():
        child.kill()
        child.wait()
    background._STARTED.clear()


def toy(tmp_path: Path, images: Path | str, name: str = "toy", epochs: int = 1) -> Plan:
    return planned(
        tmp_path / "models",
        name,
        str(images),
        "mobilenet_v3_small",
        pretrained="none",
        recipe=Recipe(epochs=epochs, patience=500, batch=8, augment="none"),
    )


def until(folder: Path, name: str, there) -> Training:
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        found = find(folder, name)
        assert found is not None
        if there(found):
            return found
        time.sleep(0.05)
    pytest.fail(f"{found}\n{found.log.read_text()}")


def ended(one: Training) -> bool:
    return one.condition != "running"


def test_stopped_it_keeps_the_best_and_goes_on(tmp_path: Path, images: Path) -> None:
    plan = toy(tmp_path, images, epochs=500)
    folder = plan.out.parent
    start(plan)
    one = find(folder, "toy")
    assert one is not None and one.condition == "running"
    with pytest.raises(CannotWrite, match=r"^toy is being trained, .*; wait for it, or stop it$"):
        start(toy(tmp_path, images, "other"))
    with pytest.raises(CannotWrite, match="stop it first"):
        remove(one)
    state = plan.workshop / STATE
    one = until(folder, "toy", lambda one: ended(one) or (state.exists() and one.course.history))
    assert one.condition == "running" and one.course is not None
    assert one.course.note.startswith("epoch ")
    assert 0 < one.course.fraction < 1
    assert set(one.course.history[0]) >= {"epoch", "loss", "val_score", "val_balanced_accuracy"}
    stop(one)
    stop(one)  # an impatient visitor
    one = until(folder, "toy", ended)
    assert one.condition == "unfinished"
    assert one.error.startswith("stopped after epoch ")
    assert plan.file.is_file() and one.card is not None and "figures" not in one.card
    before = one.course.history
    with pytest.raises(BadParameter, match="can go on; go on with it, remove it, or choose"):
        start(plan)

    go_on(one)
    one = until(folder, "toy", lambda one: ended(one) or len(one.course.history) > len(before))
    assert one.condition == "running", one.error
    # The last epoch is done again where the stop came while its state was written.
    for old, new in zip(before, one.course.history, strict=False):
        assert old["loss"] == new["loss"]
    assert [row["epoch"] for row in one.course.history] == [*range(1, len(one.course.history) + 1)]
    child = background._STARTED.pop(plan.workshop)  # as after a restart of the server
    stop(one)
    child.wait(PATIENCE)
    one = until(folder, "toy", ended)
    assert one.log.read_text().count("$ python -m radar_core train") == 2
    remove(one)
    assert not plan.workshop.exists()
    assert plan.file.is_file(), "the model that was stored stays"


@pytest.mark.parametrize("name", ["", "../up", "a/b", "/tmp/x", "a b", ".x", "é", "x" * 41, "a\n"])
def test_names_that_are_paths_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadParameter, match="letters, digits, - or _"):
        planned(tmp_path, name, "phantom", "resnet18")
    assert find(tmp_path, name) is None


def test_names_of_shipped_models_are_taken(tmp_path: Path) -> None:
    with pytest.raises(BadParameter, match="there is a model called phantom"):
        start(toy(tmp_path, "phantom", "phantom"))


def test_what_it_fails_of_is_one_sentence(tmp_path: Path) -> None:
    plan = toy(tmp_path, tmp_path / "nothing")
    start(plan)
    one = until(plan.out.parent, "toy", ended)
    assert one.condition == "failed"
    assert "nothing" in one.error and "Traceback" not in one.log.read_text()
    remove(one)
    assert not plan.out.exists()


def test_the_lock_alone_says_that_one_runs(tmp_path: Path) -> None:
    plan = toy(tmp_path, "phantom")
    with occupied(plan) as diary:
        diary.goes_on([{"epoch": 1.0, "loss": 2.0}])
        code = f"""
            from pathlib import Path
            from radar_core.training.background import find
            one = find(Path({str(plan.out.parent)!r}), "toy")
            assert one.condition == "running", one
            assert one.course.history == ({{"epoch": 1.0, "loss": 2.0}},)
        """
        subprocess.run([sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, check=True)
    assert not plan.workshop.exists()


def test_the_course_of_a_killed_training_says_how_to_go_on(tmp_path: Path) -> None:
    plan = toy(tmp_path, "phantom", epochs=7)
    plan.workshop.mkdir(parents=True)
    (plan.workshop / STATE).write_bytes(b"")
    Diary(plan, 3).goes_on([])
    one = find(plan.out.parent, "toy")
    assert one is not None and (one.condition, one.error) == ("unfinished", "it was killed")
    assert background._as_started(one) == (plan, 3)
    for damage in ({"recipe": {"epochs": -1}}, {"data": ""}, {"arch": 5}, {"other": 1}):
        course = json.loads((plan.workshop / "course.json").read_text())
        course["arguments"] |= damage
        (plan.workshop / "course.json").write_text(json.dumps(course))
        with pytest.raises(BadParameter, match="does not say what it was started with"):
            go_on(find(plan.out.parent, "toy"))
    (plan.workshop / "course.json").write_text("{")
    assert read_course(plan.workshop) is None


def test_the_command_gives_back_the_plan(tmp_path: Path) -> None:
    recipe = Recipe(warm_up=False, rate=2e-4, augment="any way up", balance="sampling")
    plan = planned(tmp_path, "a", "phantom", "resnet18", recipe=recipe, pretrained="none")
    found = background.command(plan, 5, resume=True)
    assert found.endswith("--folds 5 --warm-up False --rate 0.0002 --balance sampling --resume")


def test_a_page_may_import_it_without_torch() -> None:
    code = (
        "import sys, radar_core.training.recipe, radar_core.training.background\n"
        "sys.exit('torch' in sys.modules or 'streamlit' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
