"""Experiments in processes of their own: start, watch, pause, stop, go on; for real, on a toy."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from radar_core.cli import experiment as command_line
from radar_core.errors import BadParameter, CannotWrite
from radar_core.experiments import background
from radar_core.experiments.background import (
    Experiment,
    Place,
    ask,
    command,
    experiments,
    find,
    go_on,
    remove,
    start,
)
from radar_core.experiments.spec import ExperimentSpec

PATIENCE = 120.0
ONE = Place(workers=1)


@pytest.fixture(autouse=True)
def _ended(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("RADAR_THREADS", "1")
    yield
    for child in background._STARTED.values():
        child.kill()
        child.wait()
    background._STARTED.clear()


def until(folder: Path, name: str, there: Callable[[Experiment], bool]) -> Experiment:
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        found = find(folder, name)
        assert found is not None
        if there(found):
            return found
        time.sleep(0.05)
    pytest.fail(f"{found}\n{found.log.read_text()}")


def long(spec: ExperimentSpec) -> ExperimentSpec:
    """So many cells that none of these tests sees the end."""
    return replace(spec, images=400, chunk=1, explainers=(), attacks=("fgsm",))


def test_it_is_watched_paused_stopped_and_gone_on_with(tmp_path, spec):
    start(long(spec), tmp_path, "mine", ONE)
    one = find(tmp_path, "mine")
    assert one is not None and one.condition == "running" and one.starting and one.course is None
    with pytest.raises(CannotWrite, match=r"^mine is being computed, .*wait for it, or pause or"):
        start(spec, tmp_path, "other")
    one = until(tmp_path, "mine", lambda one: not one.starting and one.course.done > 1)
    assert one.spec == long(spec)
    assert one.course.cells == 400 and one.course.left is not None
    ask(one, "pause")
    assert find(tmp_path, "mine").wished == "pause"
    one = until(tmp_path, "mine", lambda one: one.condition == "paused")
    done = one.course.done
    time.sleep(1.5)  # it says how far it is every second
    assert find(tmp_path, "mine").course.done == done < 400
    ask(one, "pause", wanted=False)
    one = until(tmp_path, "mine", lambda one: one.course.done > done)
    assert one.condition == "running" and one.wished == ""
    ask(one, "stop")
    one = until(tmp_path, "mine", lambda one: not one.active)
    assert (one.condition, one.error) == ("stopped", "it was stopped")
    kept = one.course.done
    with pytest.raises(BadParameter, match="there is an experiment called mine"):
        start(spec, tmp_path, "mine")
    go_on(one)
    assert find(tmp_path, "mine").starting
    one = until(tmp_path, "mine", lambda one: not one.starting and one.course.done > kept)
    assert one.course.before == kept
    assert one.log.read_text().count("$ python -m radar_core experiment") == 2
    assert "--workers=1" in one.log.read_text().split("$ ")[2]
    child = background._STARTED.pop(one.folder)  # as after a restart of the server
    assert find(tmp_path, "mine").condition == "running"
    with pytest.raises(CannotWrite, match="remove it by hand"):
        remove(one)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    one = until(tmp_path, "mine", lambda one: not one.active)
    assert (one.condition, one.error) == ("stopped", "it was killed")


def test_done_it_says_so_and_is_listed(tmp_path, whole):
    """What a command has left that came to its end; the page's tests start one that does."""
    assert experiments(tmp_path / "none") == []
    shutil.copytree(whole, tmp_path / "small")
    one = find(tmp_path, "small")
    assert one is not None
    assert (one.condition, one.course.fraction, one.error) == ("done", 1.0, "")
    (tmp_path / "stray").mkdir()
    (tmp_path / "not a name").mkdir()
    assert [each.name for each in experiments(tmp_path)] == ["small"]


@pytest.mark.parametrize(
    ("changes", "place", "why"),
    [
        ({"models": ("nowhere",)}, ONE, "nowhere"),
        ({}, Place("ray", address="127.0.0.1:1"), "[Rr]ay"),
    ],
)
def test_what_cannot_begin_says_why_in_one_sentence(tmp_path, spec, changes, place, why):
    start(replace(spec, **changes), tmp_path, "bad", place)
    one = until(tmp_path, "bad", lambda one: not one.active)
    assert one.condition == "failed" and one.spec is None
    import re

    assert re.search(why, one.error) and "\n" not in one.error and "Traceback" not in one.error
    with pytest.raises(BadParameter, match="nothing to go on from"):
        go_on(one)
    start(replace(spec, **changes), tmp_path, "bad", place)  # the name is free again
    background._STARTED[one.folder].kill()
    one = until(tmp_path, "bad", lambda one: not one.active)
    remove(one)
    assert not one.folder.exists()


@pytest.mark.parametrize("name", ["", "../up", "a b", "x" * 41])
def test_a_bad_name_is_refused(tmp_path, spec, name):
    with pytest.raises(BadParameter, match="an experiment's name has 1 to 40"):
        start(spec, tmp_path, name)
    assert find(tmp_path, name) is None
    assert list(tmp_path.iterdir()) == []


def test_a_manifest_that_is_none_is_named(tmp_path):
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "manifest.json").write_text("{}")
    one = find(tmp_path, "odd")
    assert one is not None and one.condition == "failed"
    assert "not an experiment's manifest" in one.error


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"explainers": ()},
        {"split": "val", "data": "/a folder/with spaces", "images": 7, "seed": 5, "chunk": 2},
        {"models": ("a", "b"), "attacks": ("pgd",), "eps": ("normalised:0.01", "normalised:0.1")},
        {"keep": "npz", "features": True, "controls": 0},
        {
            "attack_parameters": (("fgsm.start", "random"), ("pgd.steps", "7")),
            "explainer_parameters": (("lime.samples", "800"),),
        },
    ],
)
def test_the_command_builds_the_same_experiment(tmp_path, changes):
    spec = ExperimentSpec(**changes)
    place = Place("ray", 3, "auto")
    typed = shlex.split(command(spec, tmp_path, place))
    assert typed[:4] == ["python", "-m", "radar_core", "experiment"]
    parser = argparse.ArgumentParser()
    command_line.add(parser.add_subparsers())
    given = parser.parse_args(typed[3:])
    assert command_line._asked(given, ExperimentSpec()) == spec
    assert (given.engine, given.workers, given.address) == ("ray", 3, "auto")
    assert given.out == tmp_path and not given.resume
