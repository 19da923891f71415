"""The lime and shap packages at their defaults, and how fast ours are beside them."""

from __future__ import annotations

import argparse
import itertools
import math
import statistics
import sys
from collections.abc import Callable
from typing import Any

import lime.lime_image
import numpy as np
import torch
from lime.lime_image import LimeImageExplainer
from numpy.typing import NDArray
from torch import Tensor

import radar_core as radar
from benchmarks.methods import Plain, load, timed
from radar_core.data.parts import Part
from radar_core.data.sampling import in_turn, readable
from radar_core.runtime import Progress
from radar_core.training.fit import warm_up
from radar_core.training.squares import Squares

SEED = 48
SEEDS = (0, 1)
LIME_SAMPLES, LIME_BATCH = 1000, 10  # the lime package's defaults
SHORT = 64  # samples of a call that only warms up
SHAP_SAMPLES = 200  # shap.GradientExplainer's default
HEAD_IMAGES = 210  # to which the last layer of the untrained network is fitted

lime.lime_image.tqdm = lambda rows: rows  # progress is told by whole images


def predictor(model: radar.Classifier) -> Callable[[NDArray[Any]], NDArray[np.float64]]:
    """The plain network as the lime package calls it: (n, h, w, 3) pixels in, probabilities out."""
    plain = Plain(model).eval()

    @torch.no_grad()
    def predict(pixels: NDArray[Any]) -> NDArray[np.float64]:
        batch = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().contiguous()
        return plain(batch.to(model.device)).softmax(1).cpu().double().numpy()

    return predict


def package(model: radar.Classifier, image: Tensor, seed: int, **more: Any) -> Any:
    """An explanation by the lime package: 1,000 samples, ten a batch."""
    pixels = image.permute(1, 2, 0).cpu().double().numpy()
    return LimeImageExplainer(random_state=seed).explain_instance(pixels, predictor(model), **more)


def likeness(one: Tensor, other: Tensor) -> dict[str, float | None]:
    """How like two maps of one image are, drawn by two seeds; None where one is constant."""
    found = radar.compare(one, other, ["topk_overlap", "spearman"])
    return {name: None if math.isnan(value) else value for name, value in found.items()}


def in_turns(runs: dict[str, Callable[[], object]], repeat: int) -> dict[str, float]:
    """The median seconds of each, run one after the other `repeat` times."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _, (name, run) in itertools.product(range(repeat), runs.items()):
        taken[name].append(timed(run))
        print(f"{name}: {taken[name][-1]:.1f} s", file=sys.stderr, flush=True)
    return {f"{name}_seconds": round(statistics.median(t), 2) for name, t in taken.items()}


def speed(arguments: argparse.Namespace) -> dict[str, Any]:
    """LIME and SHAP of a pair beside two calls of the packages at their defaults."""
    data = radar.open_data(arguments.data, split="test")
    model = with_head(load(arguments.network), arguments.data)
    cases = list(readable(data, in_turn(data, SEED), 2))
    pair = torch.cat([model.prepare(case.image) for case in cases])
    made: dict[tuple[str, int], Any] = {}

    def ours(name: str, seed: int) -> None:
        made[name, seed] = radar.explain(model, pair, name, seed=seed)

    def theirs(seed: int) -> None:
        made["package", seed] = [package(model, image, seed) for image in pair]

    def package_map(seed: int) -> Tensor:
        first = made["package", seed][0]
        values = np.zeros(int(first.segments.max()) + 1)
        for superpixel, coefficient in first.local_exp[first.top_labels[0]]:
            values[superpixel] = coefficient
        return torch.from_numpy(values[first.segments]).float()

    # Once each beforehand: what either imports at its first call is not what is asked for.
    radar.explain(model, pair[:1], "lime", samples=SHORT)
    package(model, pair[0], 0, num_samples=SHORT)
    taken = in_turns(
        {"ours": lambda: ours("lime", 0), "package": lambda: theirs(0)}, arguments.repeat
    )
    ours("lime", 1), theirs(1)
    rows: dict[str, Any] = {
        "lime": {
            **taken,
            "times_faster": round(taken["package_seconds"] / taken["ours_seconds"], 2),
            "ours_passes": made["lime", 0].passes.forward,
            "package_passes": 2 * LIME_SAMPLES,
            "package_batch": LIME_BATCH,
            "ours_seeds": likeness(*(made["lime", s][0] for s in SEEDS)),
            "package_seeds": likeness(*(package_map(s) for s in SEEDS)),
        }
    }
    rows["shap"] = shap_rows(arguments, model, pair)
    return {"model": model.name, "input_size": model.input_size, "repeat": arguments.repeat, **rows}


def with_head(model: radar.Classifier, name: str) -> radar.Classifier:
    """An untrained network whose last layer is fitted to some images: what it reads depends on
    them, as a trained network's does, and a ranking of superpixels means something."""
    data = radar.open_data(name, split="train")
    entries = in_turn(data, SEED)[:HEAD_IMAGES]
    squares = Squares(Part(data, entries), model.class_names, model.input_size, Progress())
    try:
        model.module.requires_grad_(False)
        warm_up(model, squares, squares, True, Progress())
    finally:
        squares.close()
    return model


def shap_rows(arguments: argparse.Namespace, model: radar.Classifier, pair: Tensor) -> Any:
    """SHAP of a pair beside shap.GradientExplainer, for the class read and for every class."""
    try:
        import shap
        from shap import GradientExplainer  # a folder of that name is no package
    except ImportError:
        said = "shap is not installed: the row is left out; pip install shap==0.51.0"
        print(said, file=sys.stderr, flush=True)
        return {"left_out": said}

    made: dict[tuple[str, int], Any] = {}
    background = model.background

    def ours(seed: int) -> None:
        made["ours", seed] = radar.explain(model, pair, "shap", seed=seed)

    def theirs(seed: int, ranked: int | None) -> None:
        with model.held():
            explainer = GradientExplainer(model, background)
            found = explainer.shap_values(pair, ranked_outputs=ranked, rseed=seed)
        made["package", seed] = np.asarray(found[0] if ranked else found)

    runs: dict[str, Callable[[], object]] = {
        "ours": lambda: ours(0),
        "package": lambda: theirs(0, None),  # its default: every class
        "package_one_class": lambda: theirs(0, 1),
    }
    taken = in_turns(runs, arguments.repeat)
    ours(1), theirs(1, 1)
    maps = [torch.from_numpy(made["package", s][0, ..., 0].sum(0)).float() for s in SEEDS]
    return {
        **taken,
        "times_faster": round(taken["package_seconds"] / taken["ours_seconds"], 2),
        "times_faster_one_class": round(
            taken["package_one_class_seconds"] / taken["ours_seconds"], 2
        ),
        "ours_passes": made["ours", 0].passes.backward,
        "package_passes_one_class": 2 * SHAP_SAMPLES,
        "ours_seeds": likeness(*(made["ours", s][0] for s in SEEDS)),
        "package_seeds": likeness(*maps),
        "shap": shap.__version__,
    }
