"""Trainings as processes of their own, which outlive whoever started them; light, without torch."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from radar_core.data.fetching.fetched import find_fetched
from radar_core.detached import complaint, said, spawn
from radar_core.errors import BadParameter, CannotWrite, RadarError
from radar_core.models.own import NAME, checked_name
from radar_core.params import build, controls
from radar_core.training.plan import LOCK, STATE, Plan
from radar_core.training.recipe import Recipe
from radar_core.training.workshop import Course, read_course

LOG = "training.log"
PYTHON = (sys.executable, "-m", "radar_core")
_STARTED: dict[Path, subprocess.Popen[bytes]] = {}  # by workshop; kept, or they become zombies
_ONE_AT_A_TIME = threading.Lock()
Condition = Literal["running", "unfinished", "failed", "done"]


@dataclass(frozen=True)
class Training:
    """A training in a folder of models.

    Attributes:
        condition: `unfinished` where it can go on, `failed` where there is nothing to go on from.
        course: what it says; None once it is done, or where it came to nothing.
        error: why it is not running, where it is unfinished or failed; one sentence.
        card: of the model, which a stopped training leaves too; None where there is none.
        folds: the summary of a cross-validation that is done.
    """

    name: str
    plan: Plan
    condition: Condition
    course: Course | None = None
    error: str = ""
    card: Mapping[str, Any] | None = None
    folds: Mapping[str, Any] | None = None

    @property
    def log(self) -> Path:
        """The file of all that the process said."""
        return self.plan.out / LOG


def planned(folder: Path, name: str, data: str, arch: str, **more: Any) -> Plan:
    """The plan of a training whose model comes to lie in a folder of its own.

    Args:
        more: other attributes of the plan.

    Raises:
        BadParameter: no name for a model.
    """
    called = data == "phantom" or find_fetched(data) is not None
    place = data if called else str(Path(data).expanduser().resolve())
    return Plan(arch, folder.resolve() / checked_name(name), data=place, **more)


def words(plan: Plan, folds: int = 0, *, resume: bool = False) -> list[str]:
    """The arguments of the command that does what is planned."""
    found = ["train", "--data", plan.data, "--arch", plan.arch, "--out", str(plan.out)]
    found += ["--pretrained", plan.pretrained] if plan.pretrained != "auto" else []
    found += ["--folds", str(folds)] if folds else []
    for name in ("title", "licence", "note"):
        found += [f"--{name}={value}"] if (value := getattr(plan, name)) else []
    found += ["--half"] if plan.half else []
    for name, control in controls(Recipe).items():
        value = getattr(plan.recipe, name)
        found += [f"--{name.replace('_', '-')}", str(value)] if value != control.default else []
    return [*found, *(["--resume"] if resume else [])]


def command(plan: Plan, folds: int = 0, *, resume: bool = False) -> str:
    """That command as it is typed."""
    return shlex.join(["python", "-m", "radar_core", *words(plan, folds, resume=resume)])


def start(plan: Plan, folds: int = 0) -> None:
    """Start a training in a process of its own; it is seen by `find` at once.

    Raises:
        BadParameter: no name for a model, or one that is taken.
        CannotWrite: a training runs in this folder of models, or the folder cannot be written.
    """
    with _ONE_AT_A_TIME:
        _refuse_second(plan)
        _refuse_taken(plan)
        _spawn(plan, folds, resume=False)


def go_on(training: Training) -> None:
    """Start a training again where it was stopped or killed.

    Raises:
        BadParameter: it does not say what it was started with.
        CannotWrite: a training runs in this folder of models.
    """
    with _ONE_AT_A_TIME:
        _refuse_second(training.plan)
        plan, folds = _as_started(training)
        _spawn(plan, folds, resume=True)


def stop(training: Training) -> None:
    """Ask a training to stop; it stores the best model so far, which takes it a moment."""
    child = _STARTED.get(training.plan.workshop)
    if child is not None and child.poll() is None:
        child.terminate()
    elif training.course is not None and is_running(training.plan):
        try:
            os.kill(training.course.pid, signal.SIGTERM)
        except OSError as error:
            raise CannotWrite(
                f"the process {training.course.pid} of {training.name} cannot be stopped from "
                f"here ({error.strerror}); stop it where it was started"
            ) from None


def remove(training: Training) -> None:
    """Remove what a training that does not run has left to go on from; stored models stay.

    Raises:
        CannotWrite: it runs, or its files cannot be removed.
    """
    if is_running(training.plan):
        raise CannotWrite(f"{training.name} is being trained; stop it first")
    out = training.plan.out
    try:
        for workshop in (training.plan.workshop, *out.glob("fold-*/.fold-*.training")):
            if workshop.is_dir():
                shutil.rmtree(workshop)
        if training.card is None:
            (out / LOG).unlink(missing_ok=True)
            if not any(out.iterdir()):
                out.rmdir()
    except OSError as error:
        raise CannotWrite(f"{out} cannot be removed ({error.strerror}); do it by hand") from None


def is_running(plan: Plan) -> bool:
    """Whether a process holds the plan's workshop, or was started here and has not ended."""
    child = _STARTED.get(plan.workshop)
    if child is not None:
        if child.poll() is None:
            return True
        del _STARTED[plan.workshop]
    if not (plan.workshop / LOCK).is_file():
        return False
    try:
        with FileLock(plan.workshop / LOCK, timeout=0):
            return False
    except (Timeout, OSError):
        return True


def find(folder: Path, name: str) -> Training | None:
    """The training of a name in a folder of models, if there is one."""
    if not NAME.fullmatch(name):
        return None
    plan = Plan("", folder.resolve() / name)
    running = is_running(plan)  # before its files are read: it may end meanwhile
    course, card = read_course(plan.workshop), _json(plan.file.with_suffix(".json"))
    folds = _json(plan.out / "folds.json")
    if running:
        return Training(name, plan, "running", course, card=card)
    if (plan.workshop / STATE).is_file() or (course is not None and course.arguments.get("folds")):
        why = course.error if course is not None else ""
        return Training(name, plan, "unfinished", course, why or "it was killed", card)
    log = plan.out / LOG
    if card is not None or folds is not None:
        trained = log.is_file() or (card or {}).get("recipe") is not None or folds is not None
        return Training(name, plan, "done", card=card, folds=folds) if trained else None
    if course is None and not log.is_file():
        return None
    return Training(name, plan, "failed", course, _last_words(log, course))


def trainings(folder: Path) -> list[Training]:
    """All trainings in a folder of models, by name."""
    names = sorted(p.name for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []
    return [found for name in names if (found := find(folder, name)) is not None]


def _refuse_second(plan: Plan) -> None:
    for other in trainings(plan.out.parent):
        if other.condition == "running":
            raise CannotWrite(
                f"{other.name} is being trained, and two would only slow each other down; "
                "wait for it, or stop it"
            )


def _refuse_taken(plan: Plan) -> None:
    from radar_core.models.store import list_models

    name = checked_name(plan.out.name)
    old = find(plan.out.parent, name)
    if old is not None and old.condition == "unfinished":
        raise BadParameter(
            f"{name} is a training that can go on; go on with it, remove it, or choose another name"
        )
    taken = {info.name for info in list_models()}
    if name in taken or plan.file.exists() or (old is not None and old.condition == "done"):
        raise BadParameter(f"there is a model called {name}; choose another name")


def _spawn(plan: Plan, folds: int, *, resume: bool) -> None:
    typed = command(plan, folds, resume=resume)
    called = [*PYTHON, *words(plan, folds, resume=resume)]
    try:
        _STARTED[plan.workshop] = spawn(called, typed, plan.out / LOG, anew=not resume)
    except OSError as error:
        raise CannotWrite(
            f"{plan.out} cannot be written to ({error.strerror}); choose a folder for models with "
            "RADAR_MODELS"
        ) from None


def _as_started(training: Training) -> tuple[Plan, int]:
    """Plan and folds as the training says it was started, its place aside."""
    given: dict[str, Any] = dict(training.course.arguments) if training.course else {}
    try:
        folds, recipe = int(given.pop("folds")), build(Recipe, given.pop("recipe"))
        plain = all(isinstance(value, str | bool) for value in given.values())
        if not (plain and given["data"]):
            raise KeyError("data")
        return replace(training.plan, recipe=recipe, **given), folds
    except (RadarError, KeyError, TypeError, ValueError):
        raise BadParameter(
            f"{training.name} does not say what it was started with; go on with it by its command "
            "and --resume, or remove it"
        ) from None


def _last_words(log: Path, course: Course | None) -> str:
    """Why a training came to nothing."""
    lines = said(log)
    error = complaint(lines)
    if error and error != "stopped":
        return error
    if error or not log.is_file():
        return "stopped before the first epoch was judged; no model was stored"
    if course is not None and course.error:
        return course.error
    last = f" (it says last: {lines[-1][:200]})" if lines else ""
    return f"it ended before it stored anything; {log} has all it said{last}"


def _json(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
