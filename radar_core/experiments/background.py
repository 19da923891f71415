"""Experiments as processes of their own, which outlive whoever started them; light, no torch."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from radar_core.detached import complaint, said, spawn
from radar_core.errors import BadParameter, CannotWrite
from radar_core.experiments.course import Course, read_course
from radar_core.experiments.spec import FLAGS, LISTS, SINGLE, ExperimentSpec
from radar_core.experiments.store import ExperimentStore
from radar_core.models.own import NAME, checked_name

LOG = "run.log"
WHAT = "an experiment"
PATIENCE = 10.0  # seconds that a run has to write its report before the next one begins
PYTHON = (sys.executable, "-m", "radar_core")
_STARTED: dict[Path, subprocess.Popen[bytes]] = {}  # by folder; kept, or they become zombies
_ONE_AT_A_TIME = threading.Lock()
Condition = Literal["running", "paused", "stopped", "failed", "done"]


@dataclass(frozen=True)
class Place:
    """Where an experiment is computed, as the command names it."""

    engine: str = "local"
    workers: int | None = None
    address: str = ""

    def words(self) -> list[str]:
        """The options that differ from the usual ones."""
        found = [f"--engine={self.engine}"] if self.engine != "local" else []
        found += [f"--workers={self.workers}"] if self.workers else []
        return found + ([f"--address={self.address}"] if self.address else [])


HERE = Place()


@dataclass(frozen=True)
class Experiment:
    """An experiment in a folder of experiments.

    Attributes:
        condition: `stopped` where it can go on; `failed` where it ended by an error.
        spec: what was asked; None before its manifest is written.
        course: what its last run says; None before it says anything.
        starting: it runs, and has not said anything of itself yet.
        wished: `pause` or `stop` where it is asked to and has not yet.
        error: why it is stopped or failed, one sentence.
    """

    name: str
    folder: Path
    condition: Condition
    spec: ExperimentSpec | None = None
    course: Course | None = None
    starting: bool = False
    wished: Literal["", "pause", "stop"] = ""
    error: str = ""

    @property
    def active(self) -> bool:
        """Whether a process has it."""
        return self.condition in ("running", "paused")

    @property
    def log(self) -> Path:
        """The file of all that the process said."""
        return self.folder / LOG

    @property
    def store(self) -> ExperimentStore:
        """Its folder."""
        return ExperimentStore(self.folder)


def words(spec: ExperimentSpec, folder: Path, place: Place = HERE) -> list[str]:
    """The arguments of the command that computes an experiment; what is as usual is left out."""
    found, usual = ["experiment"], ExperimentSpec()
    for name in (*SINGLE[:2], *LISTS, *SINGLE[2:]):
        value = getattr(spec, name)
        if value != getattr(usual, name) and value is not None:
            joined = ",".join(value) or "none" if name in LISTS else str(value)
            found.append(f"--{name}={joined}")
    for option, pairs in (
        ("param", spec.attack_parameters),
        ("explain-param", spec.explainer_parameters),
    ):
        found += [f"--{option}={name}={value}" for name, value in pairs]
    found += [f"--{name}" for name in FLAGS if getattr(spec, name)]
    return [*found, *place.words(), f"--out={folder}"]


def command(spec: ExperimentSpec, folder: Path, place: Place = HERE) -> str:
    """That command as it is typed."""
    return shlex.join(["python", "-m", "radar_core", *words(spec, folder, place)])


def start(spec: ExperimentSpec, folder: Path, name: str, place: Place = HERE) -> None:
    """Start an experiment in a process of its own; it is seen by `find` at once.

    Args:
        folder: of experiments; this one gets a folder of its own there.

    Raises:
        BadParameter: no name for an experiment, or one that is taken.
        CannotWrite: another one runs, or the folder cannot be written to.
    """
    out = folder.resolve() / checked_name(name, WHAT)
    with _ONE_AT_A_TIME:
        _refuse_second(folder)
        old = find(folder, name)
        if old is not None and old.spec is None and not old.active:
            remove(old)
        elif out.exists():
            raise BadParameter(f"there is an experiment called {name}; choose another name")
        _spawn(words(spec, out, place), command(spec, out, place), out)


def go_on(one: Experiment) -> None:
    """Start an experiment again, where it was computed before; what it has found is kept.

    Raises:
        BadParameter: it does not say what it was to compute.
        CannotWrite: another one runs, or the folder cannot be written to.
    """
    if one.spec is None:
        raise BadParameter(
            f"{one.name} ended before it had begun, so there is nothing to go on from; start it "
            "again"
        )
    called = ["experiment", *_place_of(one), f"--out={one.folder}", "--resume"]
    with _ONE_AT_A_TIME:
        _refuse_second(one.folder.parent)
        _spawn(called, shlex.join(["python", "-m", "radar_core", *called]), one.folder)


def ask(one: Experiment, what: Literal["pause", "stop"], *, wanted: bool = True) -> None:
    """Ask a run to pause or to stop, or no longer to; nothing is ended by force.

    Raises:
        CannotWrite: no permission.
    """
    one.store.wish(what, wanted=wanted)


def remove(one: Experiment) -> None:
    """Remove what an experiment that never began has left: what it said of that.

    Raises:
        CannotWrite: it has begun, or its folder cannot be removed.
    """
    if one.active or one.store.manifest_path.is_file():
        raise CannotWrite(f"{one.folder} holds an experiment; remove it by hand")
    try:
        shutil.rmtree(one.folder)
    except OSError as error:
        raise CannotWrite(f"{one.folder} cannot be removed ({error.strerror})") from None


def find(folder: Path, name: str) -> Experiment | None:
    """The experiment of a name in a folder of experiments, if there is one."""
    out = folder.resolve() / name
    if not NAME.fullmatch(name) or not out.is_dir():
        return None
    store = ExperimentStore(out)
    child = _STARTED.get(out)
    ours = child is not None and child.poll() is None
    if child is not None and not ours:
        del _STARTED[out]
    busy = store.busy()  # before its files are read: it may end meanwhile
    course = read_course(out)
    if not (ours or course or store.manifest_path.is_file() or (out / LOG).is_file()):
        return None
    try:
        spec = store.spec()
    except BadParameter as error:
        if store.manifest_path.is_file():
            return Experiment(name, out, "failed", error=str(error))
        spec = None
    fresh = course is not None and (child is None or not ours or course.pid == child.pid)
    done = fresh and course is not None and course.state == "done"  # it writes its report yet
    if (ours or busy) and not done:
        return _under_way(name, out, spec, course, starting=not fresh)
    return _ended(name, out, spec, course)


def _under_way(
    name: str, out: Path, spec: ExperimentSpec | None, course: Course | None, *, starting: bool
) -> Experiment:
    store = ExperimentStore(out)
    waits = not starting and course is not None and course.state == "paused"
    wished: Literal["", "pause", "stop"] = ""
    if store.wished("stop"):
        wished = "stop"
    elif store.wished("pause") and not waits:
        wished = "pause"
    condition: Condition = "paused" if waits else "running"
    return Experiment(name, out, condition, spec, course, starting, wished)


def _ended(name: str, out: Path, spec: ExperimentSpec | None, course: Course | None) -> Experiment:
    lines = said(out / LOG)
    error = complaint(lines)
    if error.startswith(("stopped", "given up")):
        error = ""
    if spec is None or course is None:
        last = f"; it says last: {lines[-1][:200]}" if lines else ""
        why = error or f"it ended before it began{last}"
        return Experiment(name, out, "failed", spec, course, error=why)
    if course.state == "failed":
        why = course.error or error or "it ended by an error"
        return Experiment(name, out, "failed", spec, course, error=why)
    if course.state == "done":
        return Experiment(name, out, "done", spec, course, error=error)
    why = error or ("it was stopped" if course.state == "stopped" else "it was killed")
    return Experiment(name, out, "stopped", spec, course, error=why)


def experiments(folder: Path) -> list[Experiment]:
    """All experiments in a folder, the latest first."""
    if not folder.is_dir():
        return []
    names = [path.name for path in folder.iterdir() if path.is_dir()]
    found = [one for name in names if (one := find(folder, name)) is not None]
    return sorted(found, key=lambda one: (-_when(one), one.name))


def _place_of(one: Experiment) -> list[str]:
    """The options of its place, as the command that it was last started with had them."""
    manifest = one.store.manifest() or {}
    try:
        typed = shlex.split(str(manifest.get("command", "")))
    except ValueError:
        return []
    return [each for each in typed if each.startswith(("--engine=", "--workers=", "--address="))]


def _when(one: Experiment) -> float:
    for path in (one.store.manifest_path, one.log):
        try:
            return path.stat().st_mtime
        except OSError:
            continue
    return 0.0


def _refuse_second(folder: Path) -> None:
    for other in experiments(folder):
        if other.condition == "running":
            raise CannotWrite(
                f"{other.name} is being computed, and two would only slow each other down; wait "
                "for it, or pause or stop it"
            )


def _spawn(called: list[str], typed: str, out: Path) -> None:
    before = _STARTED.get(out)
    try:
        if before is not None:
            before.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        raise CannotWrite(f"the run before has not ended after {PATIENCE:.0f} s; wait") from None
    try:
        _STARTED[out] = spawn([*PYTHON, *called], typed, out / LOG, anew=False)
    except OSError as error:
        raise CannotWrite(
            f"{out} cannot be written to ({error.strerror}); choose a folder for experiments with "
            "RADAR_EXPERIMENTS"
        ) from None
