"""Read a labelled set and measure what was read."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from radar_core.errors import BadData
from radar_core.evaluation.result import (
    LEVEL,
    ClassFigures,
    Estimate,
    Evaluation,
    Predictions,
    Resampling,
    reliability,
)
from radar_core.evaluation.statistics import Figures, draws, figures
from radar_core.runtime import Passes, Progress, count_passes, halving
from radar_core.sanity import Share

if TYPE_CHECKING:
    from radar_core.data import DataSet, Problem
    from radar_core.models.classifier import Classifier
    from radar_core.types import Entry

REPLICATES = 1000
CELLS = 2_000_000  # weights held at once while resampling


def evaluate(
    model: Classifier,
    data: DataSet,
    *,
    replicates: int = REPLICATES,
    seed: int = 0,
    progress: Progress | None = None,
) -> Evaluation:
    """Read every labelled image of a set, and say how well, each figure with its 95 % interval.

    Args:
        data: usually one split; the whole of what it holds is read.
        replicates: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        BadData: no image, no label, no readable image, or a label that the model does not know.
        Cancelled: asked to stop.
    """
    *_, last = evaluating(model, data, replicates=replicates, seed=seed, progress=progress)
    assert last is not None
    return last


def evaluating(
    model: Classifier,
    data: DataSet,
    *,
    replicates: int = REPLICATES,
    seed: int = 0,
    progress: Progress | None = None,
) -> Iterator[Evaluation | None]:
    """As `evaluate`, yielding None after each batch, so that a worker can see to other work."""
    import torch

    from radar_core.evaluation.reading import batches

    progress = progress or Progress()
    started = time.perf_counter()
    labelled = _labelled(model, data)
    spent = Passes()
    entries: list[Entry] = []
    problems: list[Problem] = []
    read: list[NDArray[np.float64]] = []
    for batch in batches(data, labelled, model, progress.part(0.0, 0.97)):
        problems += batch.problems
        if batch.entries:
            images = torch.cat(batch.images)

            def some(start: int, end: int, images: torch.Tensor = images) -> torch.Tensor:
                with torch.no_grad():
                    logits: torch.Tensor = model(images[start:end])
                return logits.double().softmax(1).cpu()

            with model.held(), count_passes() as used:
                parts = halving(len(images), len(images), some, lambda _: None)
            read.append(torch.cat(parts).numpy())
            entries += batch.entries
            spent.add(used)
        yield None
    if not entries:
        raise BadData(
            f"none of the {len(labelled):,} images of {data.name} can be read "
            f"({problems[0].name}: {problems[0].why})"
        )
    predictions = Predictions(
        model.class_names,
        tuple(entry.id for entry in entries),
        np.array([model.class_names.index(str(entry.label)) for entry in entries]),
        np.concatenate(read),
        _units(entries),
    )
    yield measured(
        predictions,
        data=data.name,
        split=_split(entries),
        model=model.name,
        trained_on=model.card.get("trained_on"),
        unlabelled=len(data) - len(labelled),
        unreadable=problems,
        replicates=replicates,
        seed=seed,
        passes=spent,
        started=started,
        progress=progress.part(0.97, 1.0),
    )


def measured(
    predictions: Predictions,
    *,
    data: str,
    split: str,
    model: str,
    trained_on: str | None = None,
    unlabelled: int = 0,
    unreadable: Sequence[Problem] = (),
    replicates: int = REPLICATES,
    seed: int = 0,
    passes: Passes | None = None,
    started: float | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """The evaluation of what was read.

    Plain proportions (accuracy; recall, specificity and precision of a class) have Wilson's
    interval (1927), all else the percentiles of a bootstrap (Efron 1979) that draws images, or
    groups of images that belong together. Where there are groups, their images are not independent:
    then proportions are resampled, too.
    """
    began = time.perf_counter() if started is None else started
    known = figures(predictions.truth, predictions.probabilities, np.ones((1, len(predictions))))
    drawn = _replicates(predictions, replicates, seed, progress or Progress())
    table = known.confusion[0].astype(np.int64)
    total, hits = int(table.sum()), np.diagonal(table)
    there, seen = table.sum(1), table.sum(0)
    shares: dict[str, list[Share]] = {
        "recall": [Share(int(h), int(n)) for h, n in zip(hits, there, strict=True)],
        "precision": [Share(int(h), int(n)) for h, n in zip(hits, seen, strict=True)],
        "specificity": [
            Share(int(total - n - s + h), int(total - n))
            for h, n, s in zip(hits, there, seen, strict=True)
        ],
    }
    plain = not predictions.grouped
    overall = {
        name: _estimate(value[0], drawn.overall[name], centred=name == "ece")
        for name, value in known.overall.items()
    }
    if plain:
        overall["accuracy"] = _proportion(Share(int(hits.sum()), total))
    per_class = {}
    for k, label in enumerate(predictions.classes):
        own = {
            name: _proportion(shares[name][k])
            if plain and name in shares
            else _estimate(value[0, k], drawn.per_class[name][:, k])
            for name, value in known.per_class.items()
        }
        per_class[label] = ClassFigures(int(there[k]), own)
    return Evaluation(
        data=data,
        split=split,
        model=model,
        trained_on=trained_on,
        predictions=predictions,
        figures=overall,
        per_class=per_class,
        confidence={
            name: _estimate(value[0], drawn.confidence[name])
            for name, value in known.confidence.items()
        },
        confusion=table,
        bins=reliability(predictions),
        resampling=Resampling(
            "images" if plain else "groups", len(np.unique(predictions.units)), replicates, seed
        ),
        unlabelled=unlabelled,
        unreadable=tuple(unreadable),
        passes=passes or Passes(),
        seconds=time.perf_counter() - began,
    )


def _replicates(
    predictions: Predictions, replicates: int, seed: int, progress: Progress
) -> Figures:
    """The figures of every bootstrap replicate, some weightings at a time."""
    generator = np.random.default_rng(seed)
    at_once = max(1, min(100, CELLS // len(predictions)))
    parts: list[Figures] = []
    for start in range(0, replicates, at_once):
        progress.step(start / replicates, "resampling for the intervals")
        weights = draws(predictions.units, min(at_once, replicates - start), generator)
        parts.append(figures(predictions.truth, predictions.probabilities, weights))

    def joined(kind: str) -> dict[str, NDArray[np.float64]]:
        first: Mapping[str, NDArray[np.float64]] = getattr(parts[0], kind)
        return {name: np.concatenate([getattr(p, kind)[name] for p in parts]) for name in first}

    progress.step(1.0, "done")
    # The tables of all replicates are not needed once the rates are made of them.
    return Figures(joined("overall"), joined("per_class"), joined("confidence"), np.empty((0, 0)))


def _estimate(value: float, replicates: NDArray[np.float64], *, centred: bool = False) -> Estimate:
    """A figure with the percentiles of its replicates; those where it is undefined are left out.

    Args:
        centred: move the percentiles by the replicates' mean excess over the value. A binned
            calibration error grows by resampling itself (Kumar et al. 2019, arXiv:1909.10155), so
            that its percentiles could lie above it altogether.
    """
    if np.isnan(value):
        return Estimate(None, None)
    defined = replicates[~np.isnan(replicates)]
    if not len(defined):
        return Estimate(float(value), None)
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(defined, (tail, 1 - tail))
    if centred:
        excess = defined.mean() - value
        low, high = max(low - excess, 0.0), min(high - excess, 1.0)
    return Estimate(float(value), (float(low), float(high)))


def _proportion(share: Share) -> Estimate:
    return Estimate(share.value, share.interval) if share.of else Estimate(None, None)


def _labelled(model: Classifier, data: DataSet) -> list[Entry]:
    """The entries that have a label.

    Raises:
        BadData: none, or a label that the model does not know.
    """
    if not len(data):
        raise BadData(f"{data.name} holds no image; name a split or a folder that does")
    labelled = [entry for entry in data.entries if entry.label is not None]
    if not labelled:
        raise BadData(
            f"none of the {len(data):,} images of {data.name} has a label; "
            "put them into a folder per class, or beside a CSV file of labels"
        )
    unknown = sorted({str(e.label) for e in labelled} - set(model.class_names))
    if unknown:
        more = f" and {len(unknown) - 8} more" if len(unknown) > 8 else ""
        raise BadData(
            f"{data.name} has labels that {model.name} does not know "
            f"({', '.join(unknown[:8])}{more}); its classes are {', '.join(model.class_names)}: "
            "choose a model trained for this data"
        )
    return labelled


def _units(entries: Sequence[Entry]) -> NDArray[np.int64]:
    """Per image, the number of its group; an image without one is a group of its own."""
    numbers: dict[tuple[str, str], int] = {}
    found = []
    for entry in entries:
        group = getattr(entry, "group", None)
        key = ("image", entry.id) if group is None else ("group", str(group))
        found.append(numbers.setdefault(key, len(numbers)))
    return np.array(found, dtype=np.int64)


def _split(entries: Sequence[Entry]) -> str:
    splits = {entry.split for entry in entries}
    (only,) = splits if len(splits) == 1 else (None,)
    return only or "all"
