"""What evaluating a labelled set costs beside the bare forward passes, as JSON.

    python benchmarks/evaluate.py [--model phantom|FILE|random:ARCHITECTURE] [--images 1000]
        [--data PATH] [--repeat 3]

Without `--data`, phantom images are first written to a temporary folder as PNG files, so that what
is timed is reading files, as of any data set. The evaluation, its intervals included, and the bare
passes take turns; the passes are over the same images prepared beforehand, in the same batches.
`ratio` is the median of the first over the median of the second, in seconds of the clock;
`cpu_ratio` the same in processor seconds of this process, which other work on the machine disturbs
less, but in which decoding beside the model counts in full. `--drawn` takes the phantom itself,
which draws each image anew. `peak_mb` is the largest resident size after a quarter of the images,
and after all of them (Linux and macOS).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
# Threads that wait by spinning slow passes down tenfold where other programs want the cores, too.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch
from PIL import Image
from torch import Tensor

import radar_core as radar
from benchmarks.methods import load, timed
from radar_core.data import DataSet
from radar_core.data.synthetic import PhantomData
from radar_core.evaluation import evaluate
from radar_core.evaluation.reading import batches
from radar_core.runtime import Progress, describe, versions
from radar_core.types import Entry


class Some(DataSet):
    """The first images of a set."""

    def __init__(self, data: DataSet, count: int) -> None:
        self.name, self.title, self.class_names = data.name, data.title, data.class_names
        self.entries = data.entries[:count]
        self.data = data

    @property
    def found(self) -> str:
        """How many."""
        return f"{len(self)} images"

    def pixels(self, entry: Entry) -> Any:
        """Of the set."""
        return self.data.pixels(entry)

    def masks(self, entry: Entry) -> Any:
        """Of the set."""
        return self.data.masks(entry)

    def split(self, name: str) -> DataSet:
        """Of the set."""
        return self.data.split(name)


def peak_mb() -> float:
    """The largest resident size so far."""
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def bare(model: radar.Classifier, ready: list[Tensor]) -> None:
    """The passes with nothing around them."""
    with model.held(), torch.no_grad():
        for images in ready:
            model(images).cpu()


def both(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the clock and of the processor that a call takes."""
    started = time.process_time()
    return timed(work), time.process_time() - started


def write(folder: Path, count: int) -> None:
    """Phantom images as PNG files, a folder per class."""
    data = PhantomData("test")
    for entry in data.entries[:count]:
        place = folder / str(entry.label)
        place.mkdir(exist_ok=True)
        Image.fromarray(data.pixels(entry)).save(place / f"{entry.id}.png")


def measured(model: radar.Classifier, data: DataSet, repeat: int) -> dict[str, Any]:
    """Memory first, then both in turn."""
    peaks = []
    for part in (Some(data, len(data) // 4), data):
        evaluate(model, part)
        peaks.append(round(peak_mb()))
    ready = [torch.cat(b.images) for b in batches(data, data.entries, model, Progress())]
    ours, passes = [], []
    for _ in range(repeat):
        ours.append(both(lambda: evaluate(model, data)))
        passes.append(both(lambda: bare(model, ready)))
    (seconds, cpu), (bare_seconds, bare_cpu) = (
        tuple(statistics.median(column) for column in zip(*rows, strict=True))
        for rows in (ours, passes)
    )
    return {
        "data": data.name,
        "images": len(data),
        "seconds": round(seconds, 2),
        "bare_seconds": round(bare_seconds, 2),
        "ratio": round(seconds / bare_seconds, 3),
        "ratios": [round(a[0] / b[0], 3) for a, b in zip(ours, passes, strict=True)],
        "cpu_seconds": round(cpu, 2),
        "bare_cpu_seconds": round(bare_cpu, 2),
        "cpu_ratio": round(cpu / bare_cpu, 3),
        "peak_mb": peaks,
    }


def main() -> None:
    """Read, time, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="phantom")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--data", help="a folder or CSV file of images that the model knows")
    parser.add_argument("--drawn", action="store_true", help="take the phantom itself")
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    model = load(arguments.model)
    with tempfile.TemporaryDirectory() as folder:
        source = arguments.data or ("phantom" if arguments.drawn else folder)
        if source == folder:
            write(Path(folder), arguments.images)
        found = measured(model, Some(radar.open_data(source), arguments.images), arguments.repeat)
    name = source if source != folder else "phantom images as PNG files"
    report = {**found, "data": name, "model": model.name, "machine": describe()}
    print(json.dumps({**report, "versions": versions()}, indent=2))


if __name__ == "__main__":
    main()
