"""Workers on a Ray cluster, or on a Ray that is started here."""

from __future__ import annotations

import contextlib
import importlib
import os
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radar_core.errors import EngineUnavailable, first_line
from radar_core.experiments.engines import HEARTBEAT, Event, cores, environment
from radar_core.wording import count

if TYPE_CHECKING:
    from radar_core.experiments.cells import Cell

PATIENCE = 30  # seconds that a cluster has to answer


class RayEngine:
    """See `radar_core.experiments.engines.Engine`.

    Data and models have to be found under the same paths on every node; the code is sent along.

    Raises:
        EngineUnavailable: Ray is not installed, or nobody answers at the address.
    """

    def __init__(
        self, workers: int | None = None, threads: int | None = None, address: str | None = None
    ) -> None:
        # Set before Ray is loaded: it reads them once.
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        os.environ.setdefault("RAY_DEDUP_LOGS", "0")
        # Else whatever runs beside its workers takes the cores from them.
        os.environ.setdefault("RAY_worker_niceness", "0")
        try:
            self._ray: Any = importlib.import_module("ray")
        except ImportError:
            raise EngineUnavailable(
                "Ray is not installed; pip install ray, or use --engine local"
            ) from None
        self.threads = threads or 1
        self._address = address
        self._start(address, workers)
        found = self._ray.cluster_resources()
        self._gpus = int(found.get("GPU", 0))
        room = self._gpus or int(found.get("CPU", 1)) // self.threads
        self.workers = workers or max(1, room)

    def _start(self, address: str | None, workers: int | None) -> None:
        import logging

        more: dict[str, Any] = {"address": address}
        if address is None:
            wanted = max(cores(), (workers or 1) * self.threads)
            more = {"num_cpus": wanted, "include_dashboard": False}
        elif address != "auto" and not _answers(address):
            raise EngineUnavailable(
                f"no Ray cluster answers at {address}; start one with ray start --head, or leave "
                "out the address"
            )
        # Workers of a Ray that is started here inherit what stands in the environment then; an
        # environment of their own would have Ray start them by a command line that a path with a
        # space breaks.
        inherited = {} if address else self._environment(None)
        try:
            with _environment(inherited):
                self._ray.init(
                    logging_level=logging.ERROR,
                    log_to_driver=False,
                    ignore_reinit_error=True,
                    **more,
                )
        except (ConnectionError, RuntimeError, ValueError, OSError, TimeoutError) as error:
            where = f" at {address}" if address else ""
            raise EngineUnavailable(
                f"Ray cannot be used{where} ({first_line(error)}); use --engine local"
            ) from None

    @property
    def said(self) -> str:
        """What it runs on."""
        where = f"the Ray cluster at {self._address}" if self._address else "a Ray started here"
        return f"{count(self.workers, 'worker')} of {count(self.threads, 'thread')} on {where}"

    def run(self, take: Callable[[], Cell | None]) -> Generator[Event | None]:
        """See `Engine.run`."""
        ray = self._ray
        actors: list[Any] = [None] * self.workers
        under_way: dict[Any, tuple[int, Cell]] = {}
        try:
            while True:
                idle = set(range(self.workers)) - {number for number, _ in under_way.values()}
                for number in sorted(idle):
                    cell = take()
                    if cell is None:
                        break
                    if actors[number] is None:
                        actors[number] = self._actor()
                    under_way[actors[number].compute.remote(cell)] = (number, cell)
                if not under_way:
                    time.sleep(HEARTBEAT / 5)
                    yield None
                    continue
                ready, _ = ray.wait(list(under_way), timeout=HEARTBEAT)
                if not ready:
                    yield None
                for reference in ready:
                    number, cell = under_way.pop(reference)
                    try:
                        kind, values = ray.get(reference)
                    except ray.exceptions.RayError as error:
                        actors[number] = None
                        yield Event("lost", cell, error=first_line(error))
                    else:
                        yield Event(kind, cell, **values)
        finally:
            for actor in actors:
                if actor is not None:
                    with contextlib.suppress(Exception):
                        ray.kill(actor)
            ray.shutdown()

    def _environment(self, device: str | None) -> dict[str, str]:
        """What a worker is to find in its environment."""
        from radar_core.settings import ROOT

        variables = environment(self.threads, device)
        variables["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        return variables

    def _actor(self) -> Any:
        from radar_core.settings import ROOT

        options: dict[str, Any] = {
            "num_cpus": self.threads,
            "num_gpus": 1 if self._gpus else 0,
        }
        if self._address:
            variables = self._environment("cuda" if self._gpus else None)
            names = (
                *("RADAR_DEVICE", "RADAR_PRECISION", "RADAR_MODELS", "RADAR_DATA"),
                "RADAR_FETCHED",
            )
            variables |= {n: os.environ[n] for n in names if n in os.environ and n not in variables}
            modules = [str(Path(ROOT) / "radar_core")]
            options["runtime_env"] = {"env_vars": variables, "py_modules": modules}
        return self._ray.remote(**options)(RayWorker).remote()


class RayWorker:
    """A worker process of Ray."""

    def __init__(self) -> None:
        from radar_core.experiments.work import Bench

        self._bench = Bench()

    def compute(self, cell: Cell) -> tuple[str, dict[str, Any]]:
        """A cell's results, or why there are none, as the values of an `Event`."""
        from radar_core.experiments.engines.local import computed

        return computed(self._bench, cell)


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """These variables in the environment while the block runs."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _answers(address: str) -> bool:
    """Whether somebody listens at `HOST:PORT` or `ray://HOST:PORT`."""
    import socket

    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=PATIENCE / 6):
            return True
    except (OSError, ValueError):
        return False
