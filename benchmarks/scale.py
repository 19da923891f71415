"""What the paper's grid costs on this machine, an architecture at a time: seconds and passes, JSON.

    python benchmarks/scale.py [--images 2] [--only resnet50,vgg16]

For each of the six architectures, with random weights and seven classes: the cells of `experiment
--paper` (its attacks, ε, explainers and iterations) on `--images` phantom images, as one worker
computes them on all cores. `seconds`, `forward` and `backward` are per image of the data, over all
attacks and ε, with controls and maps; `beside_s` is what the cells take beside their passes, which
a faster device does not shorten; `forward_ms` and `both_ms` are one image's share of a bare batch
of 16. A pattern for many images (UAP) is fitted once a model, and told apart as `fit_s`.

Random weights are turned at once, so searching attacks (DeepFool, C&W) stop sooner than on trained
ones; gradients cost the same.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch

from benchmarks.methods import CLASSES, Pass, bare, recorded, timed
from radar_core.experiments.paper import paper_grid
from radar_core.experiments.run import lay_out
from radar_core.experiments.spec import ExperimentSpec
from radar_core.experiments.work import Bench
from radar_core.models import Classifier, save_model
from radar_core.models.foreign import network
from radar_core.models.zoo import ARCHITECTURES
from radar_core.runtime import describe, device, versions

SIX = ("resnet50", "vgg16", "vgg19", "inception_v3", "densenet201", "efficientnet_b0")
BATCH = 16


def stored(arch: str, folder: Path) -> str:
    """A model of that architecture with random weights; its file."""
    made = ARCHITECTURES[arch]
    module = network(arch, len(CLASSES))
    model = Classifier(module, CLASSES, cam_layer=made.cam_layer, input_size=made.input_size)
    card = {"architecture": arch, "title": arch, "trained_on": "phantom"}
    return str(save_model(model, folder / f"{arch}.safetensors", card))


def measured(arch: str, folder: Path, images: int) -> dict[str, Any]:
    """The grid of one architecture."""
    grid = paper_grid(ExperimentSpec(models=(stored(arch, folder),)))
    layout, bench = lay_out(replace(grid, images=images, chunk=images)), Bench()
    name = grid.models[0]
    model = bench.model(name, layout.models[name])
    side = model.input_size
    noise = torch.rand(BATCH, 3, side, side, generator=torch.Generator().manual_seed(0)).to(
        device()
    )
    forward = _median(model, [Pass(BATCH, graph=False)], noise)
    both = _median(model, [Pass(BATCH, graph=True, backward=1)], noise)
    total, passed, fit = 0.0, [0.0, 0.0], 0.0
    beside = 0.0
    for cell in layout.cells:
        started = time.perf_counter()
        with recorded(model) as passes:
            found = bench.compute(cell)
        wall = time.perf_counter() - started
        spent = [row for row in found.rows if row["kind"] == "cost"]
        within = sum(float(row["seconds"]) for row in spent)
        raw = timed(lambda passes=passes: _again(model, passes, noise))
        fit += max(0.0, wall - within) if cell.attack == "uap" else 0.0
        total += within
        beside += max(0.0, within - raw) if cell.attack != "uap" else 0.0
        for n, kind in enumerate(("forward", "backward")):
            passed[n] += sum(float(row[kind]) for row in spent)
        print(arch, cell.attack, round(wall, 1), round(raw, 1), file=sys.stderr, flush=True)
    return {
        "architecture": arch,
        "side": side,
        "seconds": round(total / images, 1),
        "forward": round(passed[0] / images),
        "backward": round(passed[1] / images),
        "beside_s": round(beside / images, 2),
        "fit_s": round(fit, 1),
        "forward_ms": round(1000 * forward / BATCH, 1),
        "both_ms": round(1000 * both / BATCH, 1),
    }


def _again(model: Classifier, passes: list[Pass], noise: torch.Tensor) -> None:
    most = max(made.images for made in passes)
    images = noise.repeat(-(-most // len(noise)), 1, 1, 1)
    bare(model, passes, images)


def _median(model: Classifier, passes: list[Pass], images: torch.Tensor) -> float:
    bare(model, passes, images)
    return statistics.median(timed(lambda: bare(model, passes, images)) for _ in range(3))


def main() -> None:
    """Print what each architecture takes."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--images", type=int, default=2)
    parser.add_argument("--only", default=",".join(SIX))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = [measured(arch, Path(folder), asked.images) for arch in asked.only.split(",")]
    result = {"grids": found, "machine": describe(), "versions": versions()}
    print(json.dumps(result, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
