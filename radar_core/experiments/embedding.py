"""The penultimate features of clean and attacked images, as points: of an experiment, or made here.

What a point is lies in a table; what the model made of it, in an array beside it.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radar_core.errors import BadData, BadParameter
from radar_core.experiments.store import ExperimentStore
from radar_core.runtime import Progress

if TYPE_CHECKING:
    from pandas import DataFrame

    from radar_core.data import DataSet
    from radar_core.models.classifier import Classifier

COLUMNS = ("image", "label", "attack", "eps", "reads", "status", "clean")
BATCH = 16  # images attacked at once
Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Points:
    """Clean and attacked images in the space of a model's features.

    Attributes:
        table: a row a point: `image`; `label`, empty where unknown; `attack` and `eps`, empty for
            the clean image; what the model `reads`; `status`, see `AttackResult`, empty for the
            clean one; `clean`, the number of its clean point, its own for a clean one.
        features: (n, f), float32.
    """

    table: DataFrame
    features: NDArray[np.float32]

    @property
    def nbytes(self) -> int:
        """Memory held."""
        return int(self.features.nbytes) + int(self.table.memory_usage(index=False).sum())

    def __len__(self) -> int:
        return len(self.table)

    def sample(self, at_most: int, seed: int = 0) -> Points:
        """Whole images, drawn at random with all their points, while these are no more than that.

        The same seed draws the same; the order of points stays.
        """
        if len(self) <= at_most:
            return self
        clean = self.table["clean"].to_numpy()
        groups, sizes = np.unique(clean, return_counts=True)
        order = np.random.default_rng(seed).permutation(len(groups))
        fits = max(1, int((np.cumsum(sizes[order]) <= at_most).sum()))
        return self.take(np.flatnonzero(np.isin(clean, groups[order[:fits]])))

    def take(self, rows: NDArray[np.intp]) -> Points:
        """Some points, in rising order, each together with its clean one."""
        table = self.table.iloc[rows].reset_index(drop=True)
        table["clean"] = np.searchsorted(rows, table["clean"].to_numpy())
        return Points(table, self.features[rows])


def load(store: ExperimentStore, model: str) -> Points:
    """The points of one model of an experiment that kept features; each clean image once.

    What earlier grids have left in the folder is not among them.

    Raises:
        BadParameter: the folder holds no experiment, not that model, or no features of it.
    """
    spec = store.spec()
    if model not in spec.models:
        raise BadParameter(f"{model} is not a model of this experiment: {', '.join(spec.models)}")
    wanted = store.wanted()
    outcomes = _outcomes(store, model, wanted)
    rows: list[Row] = []
    vectors: list[NDArray[np.float32]] = []
    clean: dict[str, int] = {}
    for path in sorted((store.folder / "features").glob("*.npz")):
        kept = _read(path)
        if kept is None or str(kept["model"]) != model:
            continue
        attack, images = str(kept["attack"]), [str(name) for name in kept["images"]]
        for eps, part in zip(kept["axis"], kept["parts"], strict=True):
            if part not in wanted:
                continue
            for number, image in enumerate(images):
                row = outcomes.get((image, attack, str(eps)))
                if row is None:
                    continue
                if image not in clean:
                    clean[image] = len(rows)
                    about = {"image": image, "label": row["label"], "attack": "", "eps": ""}
                    rows.append({**about, "reads": row["first"], "status": ""})
                    vectors.append(_array(kept, "clean")[number])
                rows.append({name: row[name] for name in COLUMNS[:-1]})
                vectors.append(_array(kept, str(eps))[number])
                outcomes.pop((image, attack, str(eps)))
    if not rows:
        raise BadParameter(
            f"{store.folder} holds no features of {model}; python -m radar_core experiment "
            f"--out {store.folder} --resume --features computes the grid once more and keeps them"
        )
    return _points(rows, vectors, clean)


def _points(
    rows: list[Row], vectors: list[NDArray[np.float32]], clean: Mapping[str, int]
) -> Points:
    import pandas as pd

    table = pd.DataFrame(rows, columns=list(COLUMNS[:-1]))
    table["clean"] = [clean[image] for image in table["image"]]
    return Points(table, np.stack(vectors).astype(np.float32))


def _outcomes(
    store: ExperimentStore, model: str, wanted: set[str]
) -> dict[tuple[str, str, str], Row]:
    """The outcome of each image, attack and ε."""
    names = ["kind", "model", "image", "label", "attack", "eps", "first", "reads", "status"]
    found = store.rows(wanted, names)
    found = found[(found["kind"] == "outcome") & (found["model"] == model)].astype(str)
    return {(row["image"], row["attack"], row["eps"]): row for row in found.to_dict("records")}


def _read(path: Path) -> dict[str, NDArray[Any]] | None:
    """A file of features; None where it cannot be read or does not say whose it holds."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            kept = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None
    return kept if {"model", "attack", "images", "axis", "parts", "clean"} <= set(kept) else None


def _array(kept: Mapping[str, NDArray[Any]], name: str) -> NDArray[np.float32]:
    from radar_core.experiments.keeping import safe

    return kept[safe(name)]


def features_of(
    data: DataSet,
    model: Classifier,
    attack: str,
    eps: str,
    images: int,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> Iterator[Points]:
    """The points of some images, clean and attacked, without an experiment; grows as it goes on.

    Args:
        eps: as `radar_core.epsilon` reads it, or `own` for an attack that is given none.
        images: how many, classes in turn; what cannot be read is passed over.

    Raises:
        BadData: no image can be read. BadModel: the model has no linear layer. AttackFailed,
            BadParameter: as `radar_core.api.attack`.
    """
    import torch

    from radar_core import api
    from radar_core.data.sampling import in_turn
    from radar_core.errors import BadImage
    from radar_core.experiments.cells import ORDER

    progress, entries = progress or Progress(), in_turn(data, ORDER)[:images]
    rows: list[Row] = []
    vectors: list[NDArray[np.float32]] = []
    clean: dict[str, int] = {}
    for start in range(0, len(entries), BATCH):
        part = progress.part(start / len(entries), min(1, (start + BATCH) / len(entries)))
        part.step(0, f"{start:,} of {len(entries):,} images attacked")
        cases = []
        for entry in entries[start : start + BATCH]:
            try:
                cases.append(data.case(entry))
            except BadImage:
                continue
        if not cases:
            continue
        before = torch.cat([model.prepare(case.image) for case in cases])
        known = [case.label if case.label in model.class_names else None for case in cases]
        found = api.attack(model, before, attack, eps, label=known, seed=seed, progress=part)
        with torch.no_grad():
            pairs = [
                model.features(each.to(model.device)).cpu().numpy()
                for each in (before, found.images)
            ]
        for number, case in enumerate(cases):
            about = {"image": case.id, "label": case.label or ""}
            readings = found.readings_clean[number], found.readings_attacked[number]
            clean[case.id] = len(rows)
            own = {"attack": "", "eps": "", "reads": readings[0].label, "status": ""}
            rows.append({**about, **own})
            then = {"attack": attack, "eps": eps, "reads": readings[1].label}
            rows.append({**about, **then, "status": found.status[number]})
            vectors += [pair[number] for pair in pairs]
        yield _points(rows, vectors, clean)
    if not rows:
        raise BadData(f"no image of {data.name} can be read; choose another set")
