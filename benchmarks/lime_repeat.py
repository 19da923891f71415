"""How well two seeds of LIME agree, by how masks are drawn and what hides a superpixel, as JSON.

    python benchmarks/lime_repeat.py [--model phantom|FILE] [--data phantom|PATH] [--images 12]

The ground for LIME's defaults: complement pairs beside independent masks, and each choice of
`hide`. For each, over images and pairs of seeds: IoU of the five strongest superpixels, Spearman
correlation of all coefficients, R² of the fit, and the standard deviation of the probability over
the samples (how much hiding does at all).
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor

import radar_core as radar
from radar_core.explainers import lime
from radar_core.runtime import Progress, describe, generator, versions

SEEDS = 3


def independent(samples: int, count: int, draws: torch.Generator) -> Tensor:
    """Masks as the lime package draws them."""
    masks = torch.rand(samples, count, generator=draws) < 0.5
    masks[0] = True
    return masks


def agreement(coefficients: list[np.ndarray]) -> tuple[float, float]:
    """Mean top-five IoU and rank correlation over pairs of seeds."""
    overlap, correlation = [], []
    for one, other in itertools.combinations(coefficients, 2):
        top = [
            set(np.argsort(-np.abs(c), kind="stable")[: lime.SHOWN].tolist()) for c in (one, other)
        ]
        overlap.append(len(top[0] & top[1]) / len(top[0] | top[1]))
        correlation.append(float(spearmanr(one, other).statistic))
    return float(np.mean(overlap)), float(np.mean(correlation))


def main() -> None:
    """Measure every combination and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="phantom")
    parser.add_argument("--data", default="phantom")
    parser.add_argument("--images", type=int, default=12)
    parser.add_argument("--samples", type=int, default=400)
    arguments = parser.parse_args()
    model = radar.load_model(arguments.model)
    data = radar.open_data(arguments.data, split="test")
    images = [model.prepare(data[i].image)[0] for i in range(arguments.images)]
    targets = [model.index(model.read(image[None])[0].label) for image in images]
    rows = []
    for hide, (drawn, draw) in itertools.product(
        ("own mean", "image mean", "black"),
        (("independent", independent), ("complements", lime.draw_masks)),
    ):
        figures = []
        for image, target in zip(images, targets, strict=True):
            segments = lime.superpixels(image, lime.Lime().superpixels)
            hidden = lime.hidden_content(image, segments, hide)
            fits, spread = [], []
            for seed in range(SEEDS):
                masks = draw(
                    arguments.samples, int(segments.max()) + 1, generator(seed, "lime repeat")
                )
                with model.held():
                    read = lime.probabilities(
                        model, image, hidden, segments, masks.to(image.device), target, Progress()
                    )
                spread.append(float(read.std()))
                fits.append(lime.surrogate(masks.numpy(), read.cpu().double().numpy()))
            r2 = np.mean([said["r2"] for _, said in fits])
            figures.append([*agreement([c for c, _ in fits]), r2, np.mean(spread)])
        means = np.mean(figures, axis=0).round(3).tolist()
        names = ("top_five_iou", "spearman", "r2", "spread")
        rows.append({"hide": hide, "masks": drawn, **dict(zip(names, means, strict=True))})
        print(rows[-1], file=sys.stderr, flush=True)
    report = {
        "model": model.name,
        "data": arguments.data,
        "images": arguments.images,
        "samples": arguments.samples,
        "seeds": SEEDS,
        "rows": rows,
        "machine": describe(),
        "versions": versions(),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
