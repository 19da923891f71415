"""Run an experiment: hand out its cells, keep what they find, try again what was lost."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from radar_core.errors import BadParameter, Cancelled, RadarError
from radar_core.experiments.cells import Cell, Grid, grid
from radar_core.experiments.course import EVERY, Clock, Course, Failure, State, write_course
from radar_core.experiments.engines import Engine, Event
from radar_core.experiments.spec import ExperimentSpec, check
from radar_core.experiments.store import ExperimentStore
from radar_core.runtime import versions

TRIES = 3


def lay_out(spec: ExperimentSpec) -> Grid:
    """The cells of an experiment; opens its data and reads its models' hashes.

    Raises:
        RadarError: an empty grid, or data, a model or a method that is not there or cannot be used.
    """
    from radar_core.data import open_data
    from radar_core.models import load_model

    check(spec)
    data = open_data(spec.data, split=spec.split)
    models = {name: load_model(name).sha256() for name in spec.models}
    if len(set(models.values())) < len(models):
        raise BadParameter("two of the models have the same weights; name each once")
    return grid(spec, models, data)


def run_experiment(
    spec: ExperimentSpec,
    folder: Path,
    engine: Engine,
    *,
    resume: bool = False,
    command: str = "",
) -> Iterator[Course]:
    """Compute what is missing of an experiment, yielding how far it is at least every second.

    Killed at any moment, it loses the cells that were being computed; the next run goes on. A cell
    whose worker dies or that fails is tried again, three times in all; then it is reported with its
    traceback, and the rest goes on. A changed specification computes what the change touches: what
    was found under equal model, images, attack, ε, explainer and seed is taken over.

    Args:
        folder: a new one; with `resume`, that of an experiment on the same data.
        command: what it was started with, for the manifest.

    Raises:
        BadParameter: the folder holds an experiment and `resume` is not given, or one on other
            data. CannotWrite: another run has it, or no room; what is done is kept.
        Cancelled: somebody asked it to stop.
    """
    layout = lay_out(spec)
    store = ExperimentStore(folder)
    with store.held():
        _begin(store, layout, engine, resume=resume, command=command)
        known = store.known(whole=True)
        run = _Run(store, engine, layout, deque(layout.missing(known)), len(layout.cells))
        try:
            yield from run.go()
        except GeneratorExit:
            run.end("stopped", "")
            raise
        except (Cancelled, KeyboardInterrupt):
            run.end("stopped", "")
            raise
        except RadarError as error:
            run.end("failed", str(error))
            raise
        except OSError as error:
            run.end("failed", f"{folder} cannot be written to ({error.strerror or error})")
            raise


def _begin(
    store: ExperimentStore, layout: Grid, engine: Engine, *, resume: bool, command: str
) -> None:
    """Check the folder's manifest, and write what is asked now."""
    from radar_core.runtime import describe

    spec = layout.spec
    old = store.manifest()
    if old is not None:
        was = store.spec()
        differ = [k for k, v in spec.as_dict().items() if was.as_dict()[k] != v]
        if not resume:
            what = f"another experiment ({', '.join(differ)} differ)" if differ else "this one"
            raise BadParameter(
                f"{store.folder} holds {what}; add --resume to go on with it, or choose another "
                "folder"
            )
        if {"data", "split"} & set(differ):
            raise BadParameter(
                f"{store.folder} holds an experiment on {was.data}, not on {spec.data}; choose "
                "another folder"
            )
    elif any(p for p in store.folder.iterdir() if p.name not in (".lock", "cells", "run.log")):
        raise BadParameter(
            f"{store.folder} is neither empty nor an experiment's folder; choose another"
        )
    for flag in ("pause", "stop"):
        store.wish(flag, wanted=False)
    machine: dict[str, Any] = describe()
    store.write_manifest(
        {
            "spec": spec.as_dict(),
            "key": spec.key(),
            "models": dict(layout.models),
            "images": [entry.id for entry in layout.images],
            "cells": len(layout.cells),
            "versions": versions(),
            "machine": machine,
            "engine": engine.said,
            "threads": engine.threads,
            "command": command,
        },
        layout.parts,
    )


@dataclass
class _Run:
    """A run under way."""

    store: ExperimentStore
    engine: Engine
    layout: Grid
    queue: deque[Cell]
    cells: int
    tries: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)
    under_way: dict[str, Cell] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)
    done: int = 0
    paused: bool = False
    _before: int = 0
    _written: float = -EVERY

    def go(self) -> Iterator[Course]:
        self.done = self._before = self.cells - len(self.queue)
        yield self.course("running")
        with closing(self.engine.run(self._next)) as events:
            while self.queue or self.under_way:
                event = next(events)
                if event is not None:
                    self._take_in(event)
                if self.store.wished("stop"):
                    raise Cancelled("stopped; --resume goes on")
                self.paused = self.store.wished("pause")
                if event is not None or time.monotonic() - self._written >= EVERY:
                    idle = self.paused and not self.under_way
                    yield self.course("paused" if idle else "running")
        self.store.compact(all_of_them=True)
        yield self.end("done", "")

    def _next(self) -> Cell | None:
        if self.paused or not self.queue:
            return None
        cell = self.queue.popleft()
        self.under_way[cell.name] = cell
        return cell

    def _take_in(self, event: Event) -> None:
        cell = event.cell
        self.under_way.pop(cell.name, None)
        if event.kind == "done":
            self.store.add(cell.name, event.parquet, dict(event.files))
            self.clock.add(cell.model, cell.attack, event.seconds)
            self.done += 1
            self.store.compact()
            return
        self.tries[cell.name] += 1
        if self.tries[cell.name] < TRIES:
            self.queue.append(cell)
            return
        self.failures.append(Failure(cell.said(), TRIES, event.error or "its worker has died"))

    def course(self, state: State, error: str = "") -> Course:
        to_come = Counter((c.model, c.attack) for c in (*self.queue, *self.under_way.values()))
        left = self.clock.left(to_come, self.engine.workers)
        now = Course(
            state,
            self.cells,
            self.done,
            self._before,
            time.monotonic() - self.started,
            left if state in ("running", "paused") else None,
            self.engine.said,
            "; ".join(cell.said() for cell in self.under_way.values()),
            tuple(self.failures),
            error,
        )
        self._written = time.monotonic()
        write_course(self.store.folder, now)
        return now

    def end(self, state: State, error: str) -> Course:
        """Say that it has ended, and how."""
        self.under_way.clear()
        return self.course(state, error)
