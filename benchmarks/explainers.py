"""How well LIME and KernelSHAP repeat, what explainers cost beside rivals, and memory, as JSON.

    python benchmarks/explainers.py --only repeat [--data PATH] [--model M] [--images 30]
        [--methods lime kernelshap] [--reference 10000]
    python benchmarks/explainers.py --only speed [--repeat 3]
    python benchmarks/explainers.py --only memory [--samples 200 2000]

`repeat`: the five strongest superpixels at default settings and of the lime package (its own masks
and fit, 1,000 samples; our superpixels and hidden content) against those of a fit to many
independently drawn masks, read once an image and kept in `benchmarks/references`, where those of
30 images of HAM10000 lie: hours of readings. `speed`: a pair of images on
an untrained ResNet-50 beside two calls of the lime package and of shap.GradientExplainer, both at
their defaults. `memory`: the largest resident size of a fresh process a run; Linux and macOS.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
from torch import Tensor

import radar_core as radar
from benchmarks.explainers_rivals import LIME_SAMPLES, SEED, SEEDS, package, speed
from benchmarks.memory import peak
from benchmarks.methods import load
from radar_core.data.sampling import in_turn, readable
from radar_core.explainers import superpixels
from radar_core.explainers.kernelshap import shapley
from radar_core.explainers.lime import KERNEL_WIDTH, Lime, surrogate
from radar_core.explainers.masking import hidden_content
from radar_core.explainers.superpixels import SHOWN, top
from radar_core.runtime import Progress, describe, generator, versions

CHUNK = 500  # independent masks drawn, read and cached at a time
REFERENCES = Path(__file__).parent / "references"
GAMES = ("lime", "kernelshap")
METHODS = ("lime", "kernelshap", "rise", "shap")


@dataclass(frozen=True, eq=False)
class Game:
    """An image as LIME and KernelSHAP see it: superpixels that show or are hidden."""

    model: radar.Classifier
    image: Tensor
    target: int
    segments: Tensor
    hidden: Tensor

    @property
    def count(self) -> int:
        """How many superpixels."""
        return int(self.segments.max()) + 1

    def read(self, masks: Tensor) -> NDArray[np.float64]:
        """The target's probability under each mask."""
        with self.model.held():
            return superpixels.read_superpixels(
                self.model, self.image, self.hidden, self.segments, masks, self.target, Progress()
            )

    def values(self, one_map: Tensor) -> NDArray[np.float64]:
        """A map's value in each superpixel."""
        values = np.zeros(self.count)
        values[self.segments.flatten().cpu().numpy()] = one_map.flatten().cpu().numpy()
        return values

    def key(self) -> str:
        """What its readings depend on."""
        digest = hashlib.sha256(f"{self.model.sha256()}/{self.target}".encode())
        for part in (self.image, self.hidden, self.segments):
            digest.update(part.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()[:24]


def of(model: radar.Classifier, image: Tensor) -> Game:
    """The game of an image at our defaults."""
    settings = Lime()
    target = model.index(model.read(image[None])[0].label)
    segments = superpixels.superpixels(image, settings.superpixels)
    return Game(model, image, target, segments, hidden_content(image, segments, settings.hide))


def independent(count: int, draws: torch.Generator) -> Tensor:
    """A chunk of masks as the lime package draws them, each superpixel on its own."""
    return torch.rand((CHUNK, count), generator=draws) < 0.5


def independent_coalitions(count: int, draws: torch.Generator) -> Tensor:
    """A chunk of coalitions by the Shapley kernel, each on its own: no strata, no complements."""
    sizes = torch.arange(1, count, dtype=torch.float64)
    drawn = torch.multinomial(1 / (sizes * (count - sizes)), CHUNK, True, generator=draws) + 1
    ranks = torch.rand((CHUNK, count), generator=draws).argsort(1).argsort(1)
    return ranks < drawn[:, None]


def reference(
    game: Game, name: str, size: int, cache: Path
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Independent masks and what was read, the latter from the cache as far as it is there."""
    draw = {"lime": independent, "kernelshap": independent_coalitions}[name]
    chunks = -(-size // CHUNK)
    masks = [draw(game.count, generator(SEED, "reference", name, i)) for i in range(chunks)]
    file = cache / f"{game.key()}-{name}.npz"
    read = np.load(file)["read"] if file.exists() else np.empty(0)
    for i in range(len(read) // CHUNK, chunks):
        read = np.append(read, game.read(masks[i]))
        partial = file.with_suffix(".part.npz")
        np.savez(partial, read=read)
        partial.replace(file)
    return torch.cat(masks)[:size].numpy(), read[:size]


def fitted(game: Game, name: str, size: int, cache: Path) -> tuple[NDArray[np.float64], float]:
    """Coefficients of the reference, and how well those of its two halves agree."""
    file = cache / f"{game.key()}-{name}-{size}.json"
    if before := kept(file):
        return np.array(before["coefficients"]), float(before["halves"])
    masks, read = reference(game, name, size, cache)
    if name == "kernelshap":
        ends = torch.tensor([[True], [False]]).expand(2, game.count)
        masks, read = np.concatenate([ends.numpy(), masks]), np.concatenate([game.read(ends), read])
    first = 2 if name == "kernelshap" else 0
    fit: Callable[..., Any] = shapley if name == "kernelshap" else surrogate
    side = np.arange(len(masks)) % 2 == 0
    halves = []
    for half in (side, ~side):
        used = half | (np.arange(len(masks)) < first)
        halves.append(fit(masks[used], read[used])[0])
    found, agreed = fit(masks, read)[0], overlap(*halves)
    keep(file, {"coefficients": written(found), "halves": agreed})
    return found, agreed


def by_package(game: Game, seed: int, cache: Path) -> NDArray[np.float64]:
    """The package's coefficients on our superpixels, from the cache if they are there."""
    file = cache / f"{game.key()}-package-{LIME_SAMPLES}-{seed}.json"
    if found := kept(file):
        return np.array(found["coefficients"])
    segments = game.segments.cpu().numpy()
    found = package(
        game.model,
        game.image,
        seed,
        labels=(game.target,),
        top_labels=None,
        segmentation_fn=lambda pixels: segments,
    )
    values = np.zeros(game.count)
    for superpixel, coefficient in found.local_exp[game.target]:
        values[superpixel] = coefficient
    keep(file, {"coefficients": written(values)})
    return values


def made_with() -> dict[str, Any]:
    """What the fits of a reference depend on beside its readings."""
    return {"lime": versions().get("lime"), "kernel_width": KERNEL_WIDTH}


def kept(file: Path) -> dict[str, Any] | None:
    """A result that was kept, unless it was made with something else."""
    found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return found if found.get("made_with") == made_with() else None


def keep(file: Path, values: dict[str, Any]) -> None:
    """Write a result that took long; a run that is ended leaves no half file."""
    partial = file.with_suffix(".part")
    partial.write_text(json.dumps({"made_with": made_with(), **values}) + "\n")
    partial.replace(file)


def written(values: NDArray[np.float64]) -> list[float]:
    """Coefficients to nine digits, of which a thousand masks make two."""
    return [float(f"{value:.9g}") for value in values]


def overlap(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """The share of the five strongest superpixels that two fits have in common."""
    return len(top(one) & top(other)) / min(SHOWN, len(one))


def interval(values: list[float]) -> dict[str, Any]:
    """The mean over images, and its 95 % bootstrap interval."""
    given = np.array(values)
    drawn = np.random.default_rng(SEED).integers(len(given), size=(5000, len(given)))
    low, high = np.quantile(given[drawn].mean(1), (0.025, 0.975))
    return {
        "mean": round(float(given.mean()), 4),
        "interval": [round(float(low), 4), round(float(high), 4)],
    }


def repeat(arguments: argparse.Namespace) -> dict[str, Any]:
    """Agreement with a reference of many independent masks, and of one seed with another."""
    model = load(arguments.model)
    data = radar.open_data(arguments.data, split="test")
    cache: Path = arguments.cache
    cache.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    for case in readable(data, in_turn(data, SEED), arguments.images):
        image = model.prepare(case.image)[0]
        game = of(model, image)
        row: dict[str, Any] = {"image": case.id, "superpixels": game.count}
        truths = {}
        for name in arguments.methods:
            truths[name], row[f"{name}_reference_halves"] = fitted(
                game, name, arguments.reference, cache
            )
        label = model.class_names[game.target]
        found: dict[str, list[NDArray[np.float64]]] = {}
        for name in arguments.methods:
            made = [radar.explain(model, image, name, target=label, seed=s) for s in SEEDS]
            found[name] = [game.values(m[0]) for m in made]
            row[f"{name}_passes"] = [m.passes.forward for m in made]
            row[f"{name}_stable"] = [m.facts["stable"] for m in made]
        if "lime" in arguments.methods:
            found["package"] = [by_package(game, seed, cache) for seed in SEEDS]
            row["package_passes"] = [LIME_SAMPLES] * len(SEEDS)
        for name, fits in found.items():
            truth = truths["kernelshap" if name == "kernelshap" else "lime"]
            row[f"{name}_overlap"] = statistics.mean(overlap(f, truth) for f in fits)
            row[f"{name}_spearman"] = statistics.mean(
                float(spearmanr(f, truth).statistic) for f in fits
            )
            row[f"{name}_seeds"] = overlap(*fits)
        rows.append(row)
        print(row, file=sys.stderr, flush=True)
    summary: dict[str, Any] = {}
    for name in found:
        passes = [p for row in rows for p in row[f"{name}_passes"]]
        summary[name] = {
            "passes": {"mean": round(statistics.mean(passes), 1), "max": max(passes)},
            "reference": interval([row[f"{name}_overlap"] for row in rows]),
            "spearman": interval([row[f"{name}_spearman"] for row in rows]),
            "seeds": interval([row[f"{name}_seeds"] for row in rows]),
        }
    for name in arguments.methods:
        summary[name]["stable"] = statistics.mean(s for r in rows for s in r[f"{name}_stable"])
        halves = interval([row[f"{name}_reference_halves"] for row in rows])
        summary[name]["reference_halves"] = halves
    if "package" in found:
        summary["lime_less_package"] = {
            kind: interval([row[f"lime_{kind}"] - row[f"package_{kind}"] for row in rows])
            for kind in ("overlap", "spearman", "seeds")
        }
    return {
        "model": model.name,
        "data": arguments.data,
        "images": len(rows),
        "reference_samples": arguments.reference,
        "summary": summary,
        "rows": rows,
    }


def resident(method: str, samples: int, network: str) -> dict[str, Any]:
    """Peak resident bytes of this process before and after a pair is explained."""
    numbers = itertools.count()
    superpixels.top = lambda coefficients: frozenset([next(numbers)])  # never stable: to the cap
    model = load(network)
    coarse = torch.rand((2, 3, 7, 7), generator=torch.Generator().manual_seed(2))
    pair = torch.nn.functional.interpolate(coarse, (model.input_size,) * 2, mode="bilinear")
    before = peak()
    passes = radar.explain(model, pair, method, samples=samples).passes.forward
    return {"before": before, "peak": peak(), "passes": passes}


def memory(arguments: argparse.Namespace) -> dict[str, Any]:
    """Peak memory of each method at each number of samples, each in a process of its own."""
    rows = []
    for method, samples in itertools.product(METHODS, arguments.samples):
        here = ["--here", method, "--samples", str(samples), "--model", arguments.model]
        said = subprocess.run(
            [sys.executable, __file__, *here], check=True, stdout=subprocess.PIPE, text=True
        )
        found = json.loads(said.stdout)
        mb = {f"{k}_mb": round(found[k] / 2**20, 1) for k in ("before", "peak")}
        rows.append({"method": method, "samples": samples, **mb, "passes": found["passes"]})
        print(rows[-1], file=sys.stderr, flush=True)
    return {"model": arguments.model, "rows": rows}


def main() -> None:
    """Measure what is asked for and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parts = {"repeat": repeat, "speed": speed, "memory": memory}
    parser.add_argument("--only", nargs="+", choices=list(parts), default=list(parts))
    parser.add_argument("--model", default="phantom", help="of repeat and memory")
    parser.add_argument("--network", default="random:resnet50", help="of speed")
    parser.add_argument("--data", default="phantom", help="of repeat and speed; its test split")
    parser.add_argument("--images", type=int, default=30)
    parser.add_argument("--methods", nargs="+", choices=GAMES, default=GAMES, help="of repeat")
    parser.add_argument("--reference", type=int, default=10_000)
    parser.add_argument("--cache", type=Path, default=REFERENCES, help="of what took long")
    parser.add_argument("--repeat", type=int, default=3, help="times each is timed")
    parser.add_argument("--samples", type=int, nargs="+", default=[200, 2000], help="of memory")
    parser.add_argument("--here", choices=METHODS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.here:
        print(json.dumps(resident(arguments.here, arguments.samples[0], arguments.model)))
        return
    report = {name: parts[name](arguments) for name in arguments.only}
    print(json.dumps({**report, "machine": describe(), "versions": versions()}, indent=2))


if __name__ == "__main__":
    main()
