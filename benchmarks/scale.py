"""What the paper's grid costs on this machine: passes, seconds, and what each pass takes; JSON.

    python benchmarks/scale.py [--images 1] [--controls 0] [--grid efficientnet_b0]

`passes`: for each of the six architectures, with random weights and seven classes, one image's
share of a bare batch of 16: `forward_ms`, and `both_ms` with the gradient.
`grid`: the cells of `experiment --paper` (its attacks, ε, explainers and iterations) for one
architecture on `--images` phantom images, as one worker computes them on all cores. `seconds`,
`forward` and `backward` are an image's, over all attacks and ε with their maps; `beside_s` is what
the cells take beside their passes: masks, superpixels, fits, metrics. A pattern for many images
(UAP) is fitted once a model; its passes are in the sums, what it takes beyond them is `fit_s`.

Random weights are turned at once, so searching attacks (DeepFool, C&W) stop sooner than on trained
ones. The paper has no controls; with 4 of them (our default) each ε is explained five times.
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


def built(arch: str) -> Classifier:
    """A model of that architecture with random weights, where and as stored ones are held."""
    made = ARCHITECTURES[arch]
    module = network(arch, len(CLASSES))
    module.to(device(), memory_format=torch.channels_last)
    return Classifier(module, CLASSES, cam_layer=made.cam_layer, input_size=made.input_size)


def priced(arch: str) -> dict[str, Any]:
    """What a pass of one architecture takes."""
    model = built(arch)
    images = _noise(model)
    forward = _median(model, [Pass(BATCH, graph=False)], images)
    both = _median(model, [Pass(BATCH, graph=True, backward=1)], images)
    return {
        "architecture": arch,
        "side": model.input_size,
        "forward_ms": round(1000 * forward / BATCH, 1),
        "both_ms": round(1000 * both / BATCH, 1),
    }


def gridded(arch: str, folder: Path, images: int, controls: int) -> dict[str, Any]:
    """The grid of one architecture."""
    card = {"architecture": arch, "title": arch, "trained_on": "phantom"}
    file = save_model(built(arch), folder / f"{arch}.safetensors", card)
    spec = paper_grid(ExperimentSpec(models=(str(file),)))
    layout = lay_out(replace(spec, images=images, chunk=images, controls=controls))
    bench, name = Bench(), spec.models[0]
    model = bench.model(name, layout.models[name])
    noise = _noise(model)
    total = fit = beside = forward = backward = 0.0
    for cell in layout.cells:
        started = time.perf_counter()
        with recorded(model) as passes:
            found = bench.compute(cell)
        wall = time.perf_counter() - started
        spent = [row for row in found.rows if row["kind"] == "cost"]
        within = sum(float(row["seconds"]) for row in spent)
        raw = timed(lambda passes=passes: _again(model, passes, noise))
        total += within
        if cell.attack == "uap":
            fit += wall - within
        else:
            beside += wall - raw
        forward += sum(float(row["forward"]) for row in spent)
        backward += sum(float(row["backward"]) for row in spent)
        print(arch, cell.attack, round(wall, 1), round(raw, 1), file=sys.stderr, flush=True)
    return {
        "architecture": arch,
        "images": images,
        "controls": controls,
        "seconds": round(total / images, 1),
        "forward": round(forward / images),
        "backward": round(backward / images),
        "beside_s": round(beside / images, 2),
        "fit_s": round(fit, 1),
    }


def _noise(model: Classifier) -> torch.Tensor:
    side, draws = model.input_size, torch.Generator().manual_seed(0)
    return torch.rand(BATCH, 3, side, side, generator=draws).to(device())


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
    parser.add_argument("--images", type=int, default=1)
    parser.add_argument("--controls", type=int, default=0)
    parser.add_argument("--grid", default="efficientnet_b0")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        passes = [priced(arch) for arch in SIX]
        grid = gridded(asked.grid, folder, asked.images, asked.controls)
    result = {"passes": passes, "grid": grid, "machine": describe(), "versions": versions()}
    print(json.dumps(result, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
