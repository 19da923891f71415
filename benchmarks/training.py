"""What training costs beside a bare loop over the same passes, and its loader's memory, as JSON.

    python benchmarks/training.py [--only throughput] [--arch efficientnet_lite0] [--images 256]
        [--repeat 3]
    python benchmarks/training.py --only memory [--images 1000 10000]

`throughput`: an epoch of fine-tuning at the recipe's defaults (images read from the scratch file,
augmented, weights averaged, a quarter as many validation images judged) beside the same batches
lying in memory: forward, loss, backward, AdamW, and the validation images' forward passes. The two
take turns. `memory`: the largest resident size of a fresh process that reads that many images and
shows them all to a network once. Linux and macOS.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as the training itself is started

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import radar_core as radar
from benchmarks.memory import peak
from benchmarks.methods import timed
from radar_core.data import DataSet
from radar_core.models import zoo
from radar_core.runtime import Progress, batch_size, describe, device, versions
from radar_core.training.checkpoint import State
from radar_core.training.fit import autocast_dtype, fine_tune
from radar_core.training.recipe import Recipe
from radar_core.training.squares import Squares
from radar_core.types import Entry

CLASSES = ("a", "b", "c")


class Noise(DataSet):
    """Images of noise, made when they are read."""

    name = title = found = "noise"
    class_names = CLASSES

    def __init__(self, count: int, side: int) -> None:
        self.entries = [Entry(str(i), CLASSES[i % 3], None, str(i)) for i in range(count)]
        self.side = side

    def pixels(self, entry: Entry) -> Any:
        """See `DataSet.pixels`."""
        drawn = np.random.default_rng(int(entry.source))
        return drawn.integers(0, 256, (self.side, self.side, 3), dtype=np.uint8)

    def masks(self, entry: Entry) -> tuple[None, None]:
        """None."""
        return None, None

    def split(self, name: str) -> DataSet:
        """Itself: there are none."""
        return self


def classifier(arch: str) -> radar.Classifier:
    """An untrained network on the device."""
    known = zoo.architecture(arch)
    module = zoo.build(arch, len(CLASSES)).to(device(), memory_format=torch.channels_last)  # type: ignore[call-overload]
    return radar.Classifier(module, CLASSES, cam_layer=known.cam_layer, input_size=known.input_size)


def bare_epoch(
    model: radar.Classifier, batches: list[tuple[Tensor, Tensor]], held: list[Tensor], rate: float
) -> None:
    """The passes and the optimiser's steps alone."""
    dtype = autocast_dtype("auto")
    optimiser = torch.optim.AdamW(model.module.parameters(), lr=rate)
    model.module.train()
    with torch.enable_grad():
        for images, labels in batches:
            with torch.autocast(model.device.type, dtype, dtype != torch.float32):
                logits = model(images)
            optimiser.zero_grad(set_to_none=True)
            F.cross_entropy(logits, labels).backward()
            optimiser.step()
    model.module.eval()
    with torch.no_grad():
        for images in held:
            model(images)


def throughput(arguments: argparse.Namespace) -> dict[str, Any]:
    """Images a second of ours and of the bare loop, and the ratio of their medians."""
    count = arguments.images[0] if arguments.images else 256
    recipe = Recipe(epochs=1, small_epochs=0)
    model = classifier(arguments.arch)
    side = model.input_size
    train = Squares(Noise(count, side), CLASSES, side, Progress())
    val = Squares(Noise(count // 4, side), CLASSES, side, Progress())

    def ready(squares: Squares, size: int) -> list[Tensor]:
        return [b.to(model.device).float().div_(255) for b in squares.batches(size)]

    labels = train.labels.to(model.device).split(recipe.batch)
    batches = list(zip(ready(train, recipe.batch), labels, strict=True))
    held = ready(val, batch_size(side, side, gradients=False))
    taken: dict[str, list[float]] = {"ours": [], "bare": []}
    for i in range(arguments.repeat + 1):
        ours = timed(lambda: fine_tune(model, recipe, train, val, State({}), progress=Progress()))
        bare = timed(lambda: bare_epoch(model, batches, held, recipe.rate))
        print(f"ours {ours:.1f} s, bare {bare:.1f} s", file=sys.stderr, flush=True)
        if i:  # the first warms up
            taken["ours"].append(ours)
            taken["bare"].append(bare)
    seconds = {name: statistics.median(values) for name, values in taken.items()}
    return {
        "arch": arguments.arch,
        "images": count,
        "repeat": arguments.repeat,
        "batch": recipe.batch,
        **{f"{name}_images_a_second": round(count / s, 2) for name, s in seconds.items()},
        "ratio": round(seconds["bare"] / seconds["ours"], 3),
    }


def resident(count: int) -> int:
    """The peak of this process after that many images were read and shown once."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3, 4), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model = radar.Classifier(network, tuple("abcd"), input_size=224)
    squares = Squares(Noise(count, 256), model.class_names, 224, Progress())
    with torch.no_grad():
        for batch in squares.batches(32):
            model(batch.float().div_(255))
    return peak()


def memory(arguments: argparse.Namespace) -> dict[str, Any]:
    """Peak MiB by number of images, each in a process of its own."""
    rows = {}
    for count in arguments.images or (1000, 10_000):
        said = subprocess.run(
            [sys.executable, __file__, "--here", str(count)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        rows[str(count)] = round(int(said.stdout) / 2**20, 1)
        print(f"{count} images: {rows[str(count)]} MiB", file=sys.stderr, flush=True)
    return {"peak_mb": rows}


def main() -> None:
    """Measure what is asked for and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parts = {"throughput": throughput, "memory": memory}
    parser.add_argument("--only", nargs="+", choices=list(parts), default=list(parts))
    parser.add_argument("--arch", default="efficientnet_lite0", choices=list(zoo.ARCHITECTURES))
    parser.add_argument("--images", type=int, nargs="+")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--here", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.here:
        print(resident(arguments.here))
        return
    report = {name: parts[name](arguments) for name in arguments.only}
    print(json.dumps({**report, "machine": describe(), "versions": versions()}, indent=2))


if __name__ == "__main__":
    main()
