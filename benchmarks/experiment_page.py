"""How fast the page Experiments opens and filters a large result, made up: 10,000 cells by default.

Run as `python benchmarks/experiment_page.py [CELLS]`; nothing is computed, only read.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from radar_core.experiments import words as experiment_words
from radar_core.experiments.columns import NUMBERS, TEXTS
from radar_core.experiments.spec import ExperimentSpec
from radar_core.experiments.store import ExperimentStore, _hash, _with_parts
from radar_core.metrics import METRICS
from radar_core.ui import experiment_data
from radar_core.ui.experiment_data import SCORES

CLASSES = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")


def write(folder: Path, cells: int) -> ExperimentSpec:
    """A finished experiment of so many cells."""
    models, attacks = ("one", "two"), ("fgsm", "bim", "pgd", "mifgsm", "deepfool")
    images = cells * 4 // (len(models) * len(attacks))
    spec = ExperimentSpec(
        models=models,
        attacks=attacks,
        explainers=("gradcam", "saliency"),
        images=images,
        controls=2,
    )
    store, every = ExperimentStore(folder), []
    store.cells.mkdir(parents=True)
    draw = np.random.default_rng(0)
    for model in models:
        for attack in attacks:
            table, parts = _table(spec, model, attack, draw)
            content = _with_parts(table, parts)
            (store.cells / f"many-{_hash(content)}.parquet").write_bytes(content)
            every += parts
    store.write_manifest({"spec": asdict(spec), "cells": cells}, every)
    return spec


def _table(
    spec: ExperimentSpec, model: str, attack: str, draw: np.random.Generator
) -> tuple[pa.Table, list[str]]:
    frames, images = spec.frames(attack), spec.images
    names = [f"image-{number}" for number in range(images)]
    tables, parts = [], []

    def part_of(eps: str, explainer: str) -> list[str]:
        found = [f"{model}{attack}{eps}{explainer}{n:>08}"[:32] for n in range(0, images, 4)]
        parts.extend(found)
        return found

    for eps in frames:
        turned = draw.random(images) < 0.3 + 0.6 * draw.random()
        first = draw.integers(0, len(CLASSES), images)
        reads = np.where(turned, (first + 1) % len(CLASSES), first)
        status = np.where(turned, 0, 1)
        about = {"model": model, "attack": attack, "eps": eps, "norm": "linf"}
        of_image = {"image": (np.arange(images), names), "status": (status, ["flipped", "held"])}
        tables.append(
            _rows(
                images,
                {**about, "kind": "outcome"},
                {
                    **of_image,
                    "part": (np.arange(images) // 4, part_of(eps, "")),
                    "label": (first, CLASSES),
                    "first": (first, CLASSES),
                    "reads": (reads, CLASSES),
                },
                {name: draw.random(images) for name in ("linf", "l2", "distance", "probability")},
            )
        )
        for explainer in spec.explainers:
            keys = part_of(eps, explainer)
            count = images * len(METRICS)
            image = np.repeat(np.arange(images), len(METRICS))
            tables += [
                _rows(
                    count,
                    {**about, "kind": kind, "explainer": explainer},
                    {
                        "image": (image, names),
                        "status": (status[image], ["flipped", "held"]),
                        "part": (image // 4, keys),
                        "metric": (np.tile(np.arange(len(METRICS)), images), list(METRICS)),
                    },
                    {"value": draw.random(count)},
                )
                for kind in ("attack", *["control"] * spec.controls)
            ]
    return pa.concat_tables(tables).unify_dictionaries(), parts


def _rows(count: int, same: dict, coded: dict, numbers: dict) -> pa.Table:
    columns = {}
    for name in TEXTS:
        codes, values = coded.get(name, (np.zeros(count), [same.get(name, "")]))
        codes = pa.array(np.asarray(codes, dtype=np.int32))
        columns[name] = pa.DictionaryArray.from_arrays(codes, pa.array(list(values)))
    for name in NUMBERS:
        values = numbers.get(name)
        columns[name] = (
            pa.nulls(count, pa.float64()) if values is None else pa.array(values, pa.float64())
        )
    return pa.table(columns)


def timed(what: str, work: Callable[[], object]) -> None:
    """Say how long something takes."""
    began = time.perf_counter()
    work()
    print(f"{time.perf_counter() - began:7.2f} s  {what}")


def main() -> None:
    """Write one, read it as the page does."""
    cells = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "made-up"
        write(folder, cells)
        size = sum(path.stat().st_size for path in folder.rglob("*.parquet"))
        rows = ExperimentStore(folder).table(ExperimentStore(folder).wanted(), ["kind"])
        print(f"{cells:,} cells, {len(rows):,} rows, {size / 1e6:.0f} MB")
        timed("opened: outcomes read", lambda: experiment_data.tables(folder))
        found = experiment_data.tables(folder)
        timed("robustness", lambda: experiment_words.finding(found.robustness, whole=True))
        timed("curves with intervals", lambda: found.curves)
        timed("images", lambda: found.images)
        timed("by class", lambda: found.by_class("one", "pgd", "4/255"))
        from radar_core.experiments.summary import confusion

        timed(
            "a filter: confusion of one frame", lambda: confusion(found.rows, "one", "pgd", "4/255")
        )
        timed("again, nothing changed", lambda: experiment_data.tables(folder))
        store = ExperimentStore(folder)
        timed("scores read", lambda: store.table(store.wanted(), list(SCORES)))


if __name__ == "__main__":
    main()
