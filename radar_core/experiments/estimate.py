"""How long an experiment will take and how much it will keep, from what was measured; no torch."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from radar_core.detached import complaint
from radar_core.errors import BadParameter, RadarError
from radar_core.experiments.spec import ExperimentSpec, check
from radar_core.runtime import Progress
from radar_core.settings import ROOT
from radar_core.wording import duration

PYTHON = (sys.executable, "-m", "radar_core.experiments.pilot")
# One image stands for all, workers share memory and caches, and other programs come and go: the
# range is a judgement; tests/experiments/test_estimate.py holds a run to a quarter to four times.
FASTER, SLOWER = 0.6, 1.8
A_FILE = 9_000  # bytes of a file of one cell beyond its rows
RESULTS = 110_000  # bytes of tables, report and manifest, which grow little with the grid
A_PART = 25  # bytes of a result's key in parts.txt
A_WORKER = 5.0  # seconds until a worker process can compute


@dataclass(frozen=True)
class Rates:
    """What things take on this machine, by model and method.

    Attributes:
        images: that the experiment will find in its data.
        attacks: (model, attack) → seconds an image, all ε together.
        fits: (model, attack) → seconds before the first image, of a universal pattern.
        maps: (model, explainer) → seconds a map, the comparison of two included.
        metrics: values that two maps are compared by.
        row: bytes of a row of results. pictures: model → bytes of an image kept; of a map;
            features: of a frame's features.
        earlier: how many of the rates come from earlier runs, of how many.
    """

    images: int
    attacks: Mapping[tuple[str, str], float]
    fits: Mapping[tuple[str, str], float] = field(default_factory=dict)
    maps: Mapping[tuple[str, str], float] = field(default_factory=dict)
    metrics: int = 0
    row: float = 12.0
    pictures: Mapping[str, float] = field(default_factory=dict)
    map_bytes: Mapping[str, float] = field(default_factory=dict)
    features: Mapping[str, float] = field(default_factory=dict)
    earlier: tuple[int, int] = (0, 0)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            name: [[*key, v] for key, v in value.items()]
            if name in ("attacks", "fits", "maps")
            else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Rates:
        """From its plain values."""
        paired = {n: {(a, b): v for a, b, v in found[n]} for n in ("attacks", "fits", "maps")}
        return cls(**{**found, **paired, "earlier": tuple(found["earlier"])})


@dataclass(frozen=True)
class Estimate:
    """What an experiment will take; nothing of it is exact.

    Attributes:
        seconds, low, high: about, and the range in which it is expected.
        size: bytes in its folder, about.
        images, frames, maps, cells: attacked images and maps that this comes to.
    """

    seconds: float
    low: float
    high: float
    size: float
    images: int
    frames: int
    maps: int
    cells: int
    basis: str

    def said(self) -> str:
        """In one sentence."""
        return (
            f"About {duration(self.seconds)} ({duration(self.low)} to {duration(self.high)}) and "
            f"{about_bytes(self.size)} on the disk: {self.frames:,} attacked images and "
            f"{self.maps:,} maps of {self.images:,} image{'s' if self.images != 1 else ''}, in "
            f"{self.cells:,} cell{'s' if self.cells != 1 else ''}"
        )


def maps_an_image(spec: ExperimentSpec, attack: str, explainer: str) -> int:
    """Maps of one image by one explainer: clean, attacked at each ε, controls, and a second run."""
    from radar_core.explainers import EXPLAINERS

    return 1 + len(spec.frames(attack)) * (1 + spec.controls) + bool(EXPLAINERS[explainer].draws)


def estimate(spec: ExperimentSpec, rates: Rates, workers: int) -> Estimate:
    """What an experiment will take with so many workers, at those rates."""
    from radar_core.experiments.store import LOOSE

    seconds, fits, rows, kept = 0.0, 0.0, 0.0, 0.0
    frames = maps = parts = 0
    for model in spec.models:
        for attack in spec.attacks:
            here = len(spec.frames(attack))
            frames += here
            parts += here * (1 + len(spec.explainers))
            seconds += rates.attacks.get((model, attack), 0.0)
            fits += rates.fits.get((model, attack), 0.0)
            rows += here * (1 + (1 + len(spec.explainers)) / spec.chunk)
            for explainer in spec.explainers:
                count = maps_an_image(spec, attack, explainer)
                maps += count
                seconds += count * rates.maps.get((model, explainer), 0.0)
                rows += (count - 1) * rates.metrics
            if spec.keep != "none":
                kept += (1 + here) * rates.pictures.get(model, 0.0)
                kept += (1 + here) * len(spec.explainers) * rates.map_bytes.get(model, 0.0)
            kept += (1 + here) * rates.features.get(model, 0.0) if spec.features else 0.0
    chunks = math.ceil(rates.images / spec.chunk)
    cells = chunks * len(spec.models) * len(spec.attacks)
    turns = math.ceil(cells / workers)  # of the workers, each a cell
    wall = turns * seconds * rates.images / cells + fits + A_WORKER
    files = min(cells, LOOSE) * A_FILE + chunks * parts * A_PART + RESULTS
    size = 2 * rows * rates.images * rates.row + kept * rates.images + files  # results/, too
    known, needed = rates.earlier
    basis = f"{known} of {needed} rates from earlier runs" if known else ""
    return Estimate(
        wall,
        FASTER * wall,
        SLOWER * wall,
        size,
        rates.images,
        frames * rates.images,
        maps * rates.images,
        cells,
        "; ".join(filter(None, (basis, _basis(rates)))),
    )


def _basis(rates: Rates) -> str:
    known, needed = rates.earlier
    if known == needed:
        return ""
    return (
        "measured here on one image: each attack of each model at every ε, then the explanations "
        "of two images, or where these take long their passes times the time of a pass"
    )


def pilot(
    spec: ExperimentSpec, folder: Path, workers: int | None = None, progress: Progress | None = None
) -> Iterator[Estimate]:
    """Measure what an experiment takes, in a process of its own with the threads of one worker.

    Args:
        folder: of earlier experiments; what was measured there, on this machine with as many
            workers, is not measured again.

    Raises:
        RadarError: the experiment cannot be; Cancelled.
    """
    from radar_core.experiments.engines import environment, open_engine

    check(spec)
    progress = progress or Progress()
    progress.step(0.0, "starting a worker to measure with")
    engine = open_engine("local", workers)
    asked = json.dumps({"spec": spec.as_dict(), "folder": str(folder), "engine": engine.said})
    more = environment(engine.threads, None)
    with tempfile.TemporaryFile("w+") as complaints:
        child = subprocess.Popen(
            [*PYTHON],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            env={**os.environ, **more},
        )
        assert child.stdin is not None and child.stdout is not None
        try:
            with child.stdin as there:
                there.write(asked)
            rates: Rates | None = None
            for line in child.stdout:
                said = json.loads(line)
                if "rates" in said:
                    rates = Rates.of(said["rates"])
                else:
                    progress.step(said["fraction"], said["note"])
            child.wait()
        finally:
            child.kill()
            child.wait()
            child.stdout.close()
        if rates is None:
            complaints.seek(0)
            lines = complaints.read().splitlines()
            why = complaint(lines) or f"nothing was measured; it says last: {lines[-1:]}"
            raise RadarError(why)
    yield estimate(spec, rates, engine.workers)


def about_bytes(size: float) -> str:
    """A size on the disk, to the two figures that anybody needs."""
    if size < 0:
        raise BadParameter(f"a size is not {size}")
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{float(f'{size:.2g}'):g} {unit}"
        size /= 1000
    return f"{size:.2g} TB"
