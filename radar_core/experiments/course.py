"""How far a run is, as it says itself in a file that anybody may read."""

from __future__ import annotations

import json
import os
import socket
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

FILE = "course.json"
EVERY = 1.0  # seconds between two writings
State = Literal["running", "paused", "stopped", "failed", "done"]


@dataclass(frozen=True)
class Failure:
    """A cell that could not be computed, however often it was tried."""

    cell: str
    tries: int
    error: str


@dataclass(frozen=True)
class Course:
    """How far a run is.

    Attributes:
        cells, done, before: of the grid; computed by now; of these, before this run began.
        left: seconds to the end, as the cells before took; None while nobody knows.
        failures: cells given up.
        error: why it ended before its end, one sentence.
    """

    state: State
    cells: int
    done: int
    before: int = 0
    seconds: float = 0.0
    left: float | None = None
    engine: str = ""
    note: str = ""
    failures: tuple[Failure, ...] = ()
    error: str = ""
    pid: int = 0
    host: str = ""
    written: float = 0.0

    @property
    def fraction(self) -> float:
        """Of the cells."""
        return self.done / self.cells if self.cells else 1.0


def read_course(folder: Path) -> Course | None:
    """What the last run says, or None where it says nothing that can be read."""
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
        failures = tuple(Failure(**each) for each in found.pop("failures"))
        return Course(**found, failures=failures)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def write_course(folder: Path, course: Course) -> None:
    """Say how far it is; never stops a run for that."""
    from dataclasses import replace

    said = replace(course, pid=os.getpid(), host=socket.gethostname(), written=time.time())
    beside = folder / f".{FILE}.{os.getpid()}"
    with suppress(OSError):
        beside.write_text(json.dumps(asdict(said), ensure_ascii=False), encoding="utf-8")
        beside.replace(folder / FILE)


@dataclass
class Clock:
    """What cells took, and so what those to come will take: by model and attack where known."""

    taken: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, model: str, attack: str, seconds: float) -> None:
        """A cell took so long."""
        self.taken[model, attack].append(seconds)

    def left(self, to_come: dict[tuple[str, str], int], workers: int) -> float | None:
        """Seconds to the end, with so many cells of each model and attack to come."""
        every = [seconds for values in self.taken.values() for seconds in values]
        if not every:
            return None
        usual = sum(every) / len(every)
        total = 0.0
        for kind, count in to_come.items():
            values = self.taken.get(kind)
            total += count * (sum(values) / len(values) if values else usual)
        return total / workers
