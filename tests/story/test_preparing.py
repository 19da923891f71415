"""A story computed ahead: what its steps hold, what is kept, what is computed anew."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from radar_core.cli import main
from radar_core.errors import BadStory, Cancelled
from radar_core.runtime import Progress
from radar_core.story import packed, prepare, prepared, read_story
from radar_core.view.blob import unpack
from tests.pages.toy import write_toy_model

TOLD = """
title = "Two steps"
idle = 5
[[step]]
caption = "First."
link = "/case?image=3&model=toy&attack=fgsm&explain=gradcam"
[[step]]
caption = "Then."
link = "/case?image=3&model=toy&attack=fgsm&explain=gradcam,lime&lime.samples=32&lime.superpixels=8"
sweep = true
show = "swipe"
"""


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    models = tmp_path / "models"
    models.mkdir()
    write_toy_model(models)
    monkeypatch.setenv("RADAR_MODELS", str(models))
    monkeypatch.setenv("RADAR_STORIES", str(tmp_path))
    path = tmp_path / "two.toml"
    path.write_text(TOLD, encoding="utf-8")
    return path


def test_a_prepared_story_holds_every_step_at_every_epsilon(told: Path, tmp_path: Path) -> None:
    story = read_story("two")
    before = prepared(story)
    assert before.missing == (0, 1)
    with pytest.raises(BadStory, match="step 1 is not prepared"):
        packed(before)
    seen = [state.missing for state in prepare(story)]
    assert seen == [(0, 1), (1,), ()]
    state = prepared(story)
    assert state.done
    assert all(file.is_relative_to(tmp_path / "prepared") for file in state.files)
    header, blobs = unpack(packed(state))
    assert (header["title"], header["idle"]) == ("Two steps", 5.0)
    assert [(s["caption"], s["sweep"], s["show"]) for s in header["steps"]] == [
        ("First.", False, "panels"),
        ("Then.", True, "swipe"),
    ]
    for i in range(2):
        step, _ = unpack(blobs[f"step@{i}"])
        assert len(step["frames"]) == 11
        assert not any(frame.get("pending") for frame in step["frames"])
        assert step["frames"][step["at"]]["eps"] == "4/255"
        states = {c["state"] for frame in step["frames"] for c in frame["columns"]}
        assert states == {"ready"}, "a step that waits for something"


def test_what_is_prepared_is_not_computed_again(told: Path) -> None:
    story = read_story("two")
    for _ in prepare(story):
        pass
    when = [file.stat().st_mtime_ns for file in prepared(story).files]
    assert [state.missing for state in prepare(story)] == [()]
    told.write_text(TOLD.replace("First.", "Once more."), encoding="utf-8")
    again = prepared(read_story("two"))
    assert again.done, "a caption costs no computation"
    assert [file.stat().st_mtime_ns for file in again.files] == when
    told.write_text(
        TOLD.replace(
            'image=3&model=toy&attack=fgsm&explain=gradcam"',
            'image=4&model=toy&attack=fgsm&explain=gradcam"',
        ),
        encoding="utf-8",
    )
    assert prepared(read_story("two")).missing == (0,)


def test_another_model_of_that_name_is_computed_anew(told: Path, tmp_path: Path) -> None:
    story = read_story("two")
    for _ in prepare(story):
        pass
    write_toy_model(tmp_path / "models", "toy", trained_on="photographs", seed=9)
    assert prepared(story).missing == (0, 1)


def test_a_stopped_preparation_keeps_the_steps_it_has(told: Path) -> None:
    stop = threading.Event()
    story = read_story("two")
    steps = prepare(story, Progress(stop=stop))
    assert [next(steps).missing for _ in range(2)] == [(0, 1), (1,)]
    stop.set()
    with pytest.raises(Cancelled):
        next(steps)
    assert prepared(story).missing == (1,)


def test_an_image_that_is_gone_is_said_with_its_step(told: Path) -> None:
    told.write_text(TOLD.replace("image=3", "image=nobody", 1), encoding="utf-8")
    with pytest.raises(BadStory, match=r"step 1: .*nobody"):
        prepared(read_story("two"))


def test_the_command_prepares_and_says_so(told: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prepare", str(told)]) == 0
    assert "Two steps: 2 of 2 steps computed" in capsys.readouterr().out
    assert main(["prepare", "two"]) == 0
    assert "was prepared already" in capsys.readouterr().out
    assert main(["prepare", "nowhere"]) == 2
    assert "there is no story 'nowhere'" in capsys.readouterr().err
