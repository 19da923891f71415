"""Where cells are computed: an engine a file, behind one small interface."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from radar_core.errors import BadParameter

if TYPE_CHECKING:
    from radar_core.experiments.cells import Cell

NAMES = ("local", "ray")
HEARTBEAT = 0.5  # seconds at most between two events


@dataclass(frozen=True)
class Event:
    """What happened to a cell.

    Attributes:
        kind: `done`; `failed`, with the traceback in `error`; `lost`: its worker has died.
        parquet, files: what a cell that is done came to; see `work.Found`.
        seconds: that it took, of a cell that is done.
    """

    kind: Literal["done", "failed", "lost"]
    cell: Cell
    parquet: bytes = b""
    files: tuple[tuple[str, bytes], ...] = ()
    error: str = ""
    seconds: float = 0.0


class Engine(Protocol):
    """Workers that compute cells.

    Attributes:
        workers: how many cells are computed at a time. threads: CPU threads of each.
        said: what it runs on, in one sentence.
    """

    workers: int
    threads: int

    @property
    def said(self) -> str:
        """See above."""
        ...

    def run(self, take: Callable[[], Cell | None]) -> Generator[Event | None]:
        """Compute what is taken, until the caller closes this iterator; then end all workers.

        Args:
            take: gives the next cell; None where there is none now.

        Returns:
            Events as they come, and None at least every half second.

        Raises:
            RadarError: there can be no workers.
        """
        ...


def open_engine(
    name: str, workers: int | None = None, threads: int | None = None, address: str | None = None
) -> Engine:
    """An engine by name.

    Args:
        workers: by default as many as there are GPUs; without one, as cores; of a Ray cluster, as
            it has room for.
        threads: of each worker; by default its share of the cores, on a machine of its own 1.
        address: of a Ray cluster; without one, Ray is started here.

    Raises:
        BadParameter: an unknown engine, or a number of workers or threads that cannot be.
        EngineUnavailable: Ray is not installed, or does not answer.
    """
    for what, value in (("workers", workers), ("threads", threads)):
        if value is not None and not 1 <= value <= 4096:
            raise BadParameter(f"{what} lie between 1 and 4,096, not {value}")
    if name == "local":
        from radar_core.experiments.engines.local import LocalEngine

        if address:
            raise BadParameter("an address is of a Ray cluster; add --engine ray")
        return LocalEngine(workers, threads)
    if name == "ray":
        from radar_core.experiments.engines.ray import RayEngine

        return RayEngine(workers, threads, address)
    raise BadParameter(f"an engine is one of {', '.join(NAMES)}, not {name!r}")


def cores() -> int:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def environment(threads: int, device: str | None) -> dict[str, str]:
    """What a worker is to find in its environment before torch is loaded."""
    found = {
        "OMP_WAIT_POLICY": "passive",
        "OMP_NUM_THREADS": str(threads),
        "RADAR_THREADS": str(threads),
    }
    return found | ({"RADAR_DEVICE": device} if device else {})
