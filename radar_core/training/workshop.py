"""The folder of a training under way: one training holds it, and says there how far it is."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from radar_core.errors import CannotWrite, RadarError
from radar_core.runtime import Progress
from radar_core.training.plan import COURSE, LOCK, STATE, Plan
from radar_core.writing import write_whole

EVERY = 1.0  # seconds between two writings
PATIENCE = 0.5  # seconds: who only looks whether the folder is in use holds its lock for a moment
Row = dict[str, float]
Report = Callable[[Row], None]


@dataclass(frozen=True)
class Course:
    """How far a training is, as its file says.

    Attributes:
        pid: of the process. command: what it was started with.
        arguments: the plan as plain values, `data` and `folds` among them.
        history: a row an epoch; of cross-validation with the number of its `fold`.
        error: why it ended before its end, one sentence; empty while all is well.
    """

    pid: int
    command: str
    arguments: Mapping[str, Any]
    fraction: float = 0.0
    note: str = ""
    history: tuple[Row, ...] = ()
    error: str = ""


def best_row(history: Sequence[Row]) -> Row | None:
    """The epoch that is kept: of highest balanced accuracy, between equals of lower score."""
    judged = [row for row in history if math.isfinite(row.get("val_score", math.nan))]
    return max(
        judged, key=lambda row: (row["val_balanced_accuracy"], -row["val_score"]), default=None
    )


def read_course(workshop: Path) -> Course | None:
    """What a training says, or None where it says nothing that can be read."""
    try:
        found = json.loads((workshop / COURSE).read_text(encoding="utf-8"))
        history = tuple({str(k): float(v) for k, v in row.items()} for row in found["history"])
        return Course(
            int(found["pid"]),
            str(found["command"]),
            dict(found["arguments"]),
            float(found["fraction"]),
            str(found["note"]),
            history,
            str(found["error"]),
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


@dataclass(eq=False)
class Diary:
    """Writes the course of a training, at most once a second, and never stops it for that."""

    plan: Plan
    folds: int = 0
    history: list[Row] = field(default_factory=list)
    _fraction: float = 0.0
    _note: str = "starting"
    _written: float = -EVERY

    def watched(self, progress: Progress | None) -> Progress:
        """A progress that writes what it is told, and tells `progress`."""

        def step(fraction: float, note: str) -> None:
            self._fraction, self._note = fraction, note
            self._write()
            if progress is not None:
                progress.step(fraction, note)

        return Progress(step)

    def reported(
        self, report: Callable[[Row], None] | None, **more: float
    ) -> Callable[[Row], None]:
        """A report that writes each row with `more`, and tells `report` of it."""

        def row(values: Row) -> None:
            self.history.append({**more, **values})
            self._write()
            if report is not None:
                report(values)

        return row

    def goes_on(self, history: Sequence[Row]) -> None:
        """Take over the rows of an earlier run."""
        self.history.extend(history)
        self._write(now=True)

    def ended(self, error: BaseException) -> None:
        """Note why it ended."""
        known = isinstance(error, RadarError)
        stopped = isinstance(error, KeyboardInterrupt)
        said = str(error) if known else "stopped" if stopped else f"a fault in RADAR: {error!r}"
        self._write(said, now=True)

    def _write(self, error: str = "", *, now: bool = False) -> None:
        if not now and time.monotonic() - self._written < EVERY:
            return
        self._written = time.monotonic()
        arguments = asdict(self.plan) | {"folds": self.folds}
        del arguments["out"], arguments["command"]
        course = Course(
            os.getpid(),
            self.plan.command,
            arguments,
            self._fraction,
            self._note,
            tuple(self.history),
            error,
        )
        with suppress(CannotWrite):  # a full disk: the training's own files say so
            write_whole(self.plan.workshop / COURSE, json.dumps(asdict(course)).encode())


@contextmanager
def occupied(plan: Plan, folds: int = 0) -> Iterator[Diary]:
    """Hold a plan's workshop; it is removed at the end, unless what lies there goes on.

    Raises:
        CannotWrite: another training holds it, or it cannot be written.
    """
    workshop = plan.workshop
    try:
        workshop.mkdir(parents=True, exist_ok=True)
        lock = FileLock(workshop / LOCK)
        lock.acquire(timeout=PATIENCE)
    except Timeout:
        raise CannotWrite(
            f"another training writes to {workshop.parent}; wait for it, or choose another folder"
        ) from None
    except OSError as error:
        raise CannotWrite(
            f"{workshop.parent} cannot be written to ({error.strerror}); choose another folder"
        ) from None
    diary, failed = Diary(plan, folds), False
    try:
        yield diary
    except BaseException as error:
        failed = True
        diary.ended(error)
        raise
    finally:
        goes_on = (workshop / STATE).exists() or (failed and bool(folds))
        if not goes_on:
            for file in (workshop / COURSE, *workshop.glob(".*.part")):
                file.unlink(missing_ok=True)
        lock.release()
        if not goes_on:
            (workshop / LOCK).unlink(missing_ok=True)
            with suppress(OSError):  # another training has come meanwhile
                workshop.rmdir()
