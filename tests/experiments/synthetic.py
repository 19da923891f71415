"""An experiment's folder as a run would leave it, of as many made-up points as a test needs."""

from __future__ import annotations

import io
from dataclasses import asdict
from pathlib import Path

import numpy as np

from radar_core.data import open_data
from radar_core.experiments.cells import Part
from radar_core.experiments.found import Found
from radar_core.experiments.keeping import safe
from radar_core.experiments.spec import ExperimentSpec
from radar_core.experiments.store import ExperimentStore

EPS = ("2/255", "4/255", "8/255")


def write_points(folder: Path, images: int, model: str = "toy") -> int:
    """An experiment on the phantom whose features are made up; says how many points it has.

    The first images are the phantom's own, so that their cases can be opened; the names of the
    others are made up, too.
    """
    data = open_data("phantom")
    entries, classes = data.entries, data.class_names
    ids = [e.id for e in entries[:images]] + [f"made-up-{n}" for n in range(len(entries), images)]
    draw = np.random.default_rng(1)
    centres = draw.normal(size=(len(classes), 8)) * 6
    of = np.arange(images) % len(classes)
    clean = centres[of] + draw.normal(size=(images, 8))
    to = (of + 1) % len(classes)
    found, parts = Found(), [Part(f"part-{eps}", eps) for eps in EPS]
    arrays = {"clean": clean.astype(np.float32)}
    for part, far in zip(parts, (0.2, 0.5, 0.9), strict=True):
        noise = draw.normal(size=(images, 8)) * 0.4
        arrays[safe(part.eps)] = (clean + far * (centres[to] - clean) + noise).astype(np.float32)
        for n, image in enumerate(ids):
            turned = far + draw.normal() / 5 > 0.5
            about = {"part": part.key, "kind": "outcome", "model": model, "image": image}
            about |= {"label": classes[of[n]], "attack": "pgd", "eps": part.eps}
            reads = {"first": classes[of[n]], "reads": classes[to[n] if turned else of[n]]}
            found.rows.append({**about, **reads, "status": "flipped" if turned else "held"})
    buffer = io.BytesIO()
    whose = {"images": ids, "model": model, "attack": "pgd", "axis": ["clean", *EPS]}
    keys = ["", *(part.key for part in parts)]
    np.savez(buffer, **arrays, **{k: np.array(v) for k, v in (whose | {"parts": keys}).items()})
    found.files["features/cell.npz"] = buffer.getvalue()
    spec = ExperimentSpec(models=(model,), attacks=("pgd",), eps=EPS, images=images, features=True)
    store = ExperimentStore(folder)
    store.write_manifest({"spec": asdict(spec)}, [part.key for part in parts])
    store.add("cell", found.parquet(parts), found.files)
    return 4 * images
