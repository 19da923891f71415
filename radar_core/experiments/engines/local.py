"""Worker processes on this machine, sharing its cores; one a GPU where there are GPUs."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any

from radar_core.experiments.engines import HEARTBEAT, Event, cores, environment
from radar_core.wording import count

if TYPE_CHECKING:
    from radar_core.experiments.cells import Cell

GRACE = 2.0  # seconds that an idle worker has to leave by itself


class LocalEngine:
    """See `radar_core.experiments.engines.Engine`.

    Each worker gets its share of the cores, so that together they do not want more than there are.
    """

    def __init__(self, workers: int | None = None, threads: int | None = None) -> None:
        self._gpus = _gpus()
        self.workers = workers or len(self._gpus) or cores()
        self.threads = threads or max(1, cores() // self.workers)

    @property
    def said(self) -> str:
        """What it runs on."""
        where = f"{len(self._gpus)} GPUs" if self._gpus else f"{cores()} CPU cores"
        return f"{count(self.workers, 'worker')} of {count(self.threads, 'thread')} on {where}"

    def run(self, take: Callable[[], Cell | None]) -> Generator[Event | None]:
        """See `Engine.run`."""
        places: list[_Worker | None] = [None] * self.workers
        try:
            while True:
                yield from self._hand_out(places, take)
                busy = [worker for worker in places if worker is not None and worker.cell]
                there = wait([worker.here for worker in busy], HEARTBEAT) if busy else []
                if not there:
                    time.sleep(0 if busy else HEARTBEAT / 5)
                    yield None
                for number, one in enumerate(places):
                    if one is not None and one.here in there:
                        event = one.heard()
                        if event.kind == "lost":
                            one.end()
                            places[number] = None
                        yield event
        finally:
            for worker in places:
                if worker is not None:
                    worker.end()

    def _hand_out(
        self, places: list[_Worker | None], take: Callable[[], Cell | None]
    ) -> Iterator[Event]:
        """Give each idle worker a cell; a place without a worker gets one with its first cell."""
        for number, there in enumerate(places):
            if there is not None and there.cell is not None:
                continue
            cell = take()
            if cell is None:
                return
            worker = there or _Worker(self._environment(number))
            places[number] = worker
            if not worker.give(cell):
                worker.end()
                places[number] = None
                yield Event("lost", cell, error="its worker process ended while it was idle")

    def _environment(self, number: int) -> dict[str, str]:
        device = self._gpus[number % len(self._gpus)] if self._gpus else None
        return environment(self.threads, device)


class _Worker:
    """A process, and the cell that it has."""

    def __init__(self, environment: dict[str, str]) -> None:
        context = multiprocessing.get_context("spawn")
        self.here, there = context.Pipe()
        self.cell: Cell | None = None
        self._process: BaseProcess = context.Process(
            target=serve, args=(there, environment), daemon=True
        )
        self._process.start()
        there.close()

    def give(self, cell: Cell) -> bool:
        """Hand over a cell; False where the process has gone."""
        try:
            self.here.send(cell)
        except OSError:
            return False
        self.cell = cell
        return True

    def heard(self) -> Event:
        """What became of the cell."""
        cell, self.cell = self.cell, None
        assert cell is not None
        try:
            kind, values = self.here.recv()
        except (EOFError, OSError):
            self._process.join(GRACE)
            code = self._process.exitcode
            return Event("lost", cell, error=f"its worker process ended with code {code}")
        return Event(kind, cell, **values)

    def end(self) -> None:
        """End the process, whatever it does."""
        self.here.close()
        if self.cell is None:
            self._process.join(GRACE)
        if self._process.is_alive():
            self._process.kill()
        self._process.join()
        self._process.close()


def serve(there: Connection, environment: dict[str, str]) -> None:
    """What a worker process does: compute the cells that it is handed, until nobody hands more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the coordinator's to deal with
    os.environ.update(environment)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    from radar_core.experiments.work import Bench

    bench = Bench()
    with contextlib.suppress(EOFError, OSError):
        while True:
            there.send(computed(bench, there.recv()))


def computed(bench: Any, cell: Cell) -> tuple[str, dict[str, Any]]:
    """A cell's results, or why there are none, as the values of an `Event`."""
    started = time.perf_counter()
    try:
        found = bench.compute(cell)
    except Exception:  # whatever it is, the others go on
        return "failed", {"error": traceback.format_exc()}
    return "done", {
        "parquet": found.parquet(cell.parts),
        "files": tuple(found.files.items()),
        "seconds": time.perf_counter() - started,
    }


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _gpus() -> list[str]:
    """The GPUs that workers may use; asked of the driver without loading torch's context."""
    from radar_core.settings import settings

    wish = settings().device
    if wish not in ("auto", "cuda"):
        return [wish] if wish.startswith("cuda") else []
    import torch

    return [f"cuda:{number}" for number in range(torch.cuda.device_count())]
