"""A small grid on the phantom with a toy model, and engines that compute it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from radar_core.experiments.cells import Cell
from radar_core.experiments.engines import Event
from radar_core.experiments.engines.local import computed
from radar_core.experiments.spec import ExperimentSpec
from radar_core.experiments.work import Bench


class InProcess:
    """An engine without workers: a cell at a time, where the tests run."""

    workers, threads, said = 1, 2, "this process"

    def __init__(self) -> None:
        self.bench, self.cells = Bench(), 0

    def run(self, take: Callable[[], Cell | None]) -> Iterator[Event | None]:
        while True:
            cell = take()
            if cell is None:
                yield None
                continue
            self.cells += 1
            kind, values = computed(self.bench, cell)
            yield Event(kind, cell, **values)


@pytest.fixture(scope="session")
def spec(decided: str) -> ExperimentSpec:
    """Four cells: two attacks on two chunks, six frames, two explainers."""
    return ExperimentSpec(
        data="phantom",
        models=(decided,),
        attacks=("fgsm", "deepfool"),
        eps=("2/255", "8/255"),
        explainers=("gradcam", "saliency"),
        images=4,
        chunk=2,
        controls=2,
        seed=3,
    )


@pytest.fixture
def engine() -> InProcess:
    """A new engine."""
    torch.set_num_threads(2)
    return InProcess()


@pytest.fixture(scope="session")
def whole(spec: ExperimentSpec, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of that experiment, run without a break."""
    from radar_core.experiments.run import run_experiment

    torch.set_num_threads(2)  # as all engines of these tests have: another number, other last bits
    folder = tmp_path_factory.mktemp("whole") / "out"
    *_, last = run_experiment(spec, folder, InProcess(), command="typed <x>")
    assert (last.state, last.done, last.failures) == ("done", 4, ())
    return folder
