"""Cross-validation: the same recipe over folds whose groups stay whole."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from radar_core.data import DataSet
from radar_core.data.parts import Part, folds
from radar_core.errors import BadData
from radar_core.runtime import Progress
from radar_core.training.fit import Report
from radar_core.training.plan import Plan
from radar_core.training.run import run_training
from radar_core.training.workshop import Diary, occupied, read_course
from radar_core.writing import write_whole

FIGURES = ("accuracy", "balanced_accuracy", "auc", "f1", "ece")


def fold(data: DataSet, count: int, number: int, seed: int) -> Part:
    """The data of one fold: what it holds out is its test split, `val` is cut from the rest.

    The data's own test split is left out, so that it stays untouched until the end.

    Raises:
        BadData: fewer images of a class than folds.
    """
    pool = [e for e in data.entries if e.label and e.split != "test"]
    if data.synthetic:
        pool = [e for name in ("train", "val") for e in data.split(name).entries]
    fewest = min(sum(e.label == c for e in pool) for c in data.class_names)
    if fewest < count + 1:
        raise BadData(
            f"{data.name} has a class with {fewest} images outside the test split; "
            f"{count} folds want at least {count + 1}"
        )
    parts = list(folds(pool, count, seed))
    held = set(parts[number][1].tolist())
    entries = [replace(e, split="test" if i in held else "train") for i, e in enumerate(pool)]
    return Part(data, entries)


def run_folds(
    plan: Plan,
    data: DataSet,
    count: int,
    *,
    resume: bool = False,
    progress: Progress | None = None,
    report: Callable[[int], Report] | None = None,
) -> dict[str, Any]:
    """Train and test a model for each of `count` folds; mean and standard deviation of figures.

    The models lie in `fold-1`, `fold-2`, … of the plan's folder, the summary in `folds.json`. A
    fold that is done is not trained again with `resume`.

    Args:
        report: for a fold's number, what is told of its epochs.

    Raises:
        As `run_training`.
    """
    if plan.out.suffix == ".safetensors":
        plan = replace(plan, out=plan.out.with_suffix(""))
    with occupied(plan, count) as diary:
        return _all_folds(plan, data, count, diary, resume, diary.watched(progress), report)


def _all_folds(
    plan: Plan,
    data: DataSet,
    count: int,
    diary: Diary,
    resume: bool,
    progress: Progress,
    report: Callable[[int], Report] | None,
) -> dict[str, Any]:
    found: list[dict[str, Any]] = []
    for number in range(count):
        one = replace(plan, out=plan.out / f"fold-{number + 1}")
        beside = one.file.with_suffix(".json")
        unfinished = one.workshop.exists() or not beside.exists()
        if resume:
            diary.goes_on([{"fold": number + 1, **row} for row in _rows(one)])
        if not resume or unfinished:
            run_training(
                one,
                fold(data, count, number, plan.recipe.seed),
                resume=resume,
                progress=progress.part(number / count, (number + 1) / count),
                report=diary.reported(report(number) if report else None, fold=number + 1),
            )
        card = json.loads(beside.read_text(encoding="utf-8"))
        found.append(card["figures"]["test"])
    summary: dict[str, Any] = {"folds": count, "recipe_seed": plan.recipe.seed}
    for name in FIGURES:
        values = [figures[name]["value"] for figures in found]
        if all(value is not None for value in values):
            summary[name] = {
                "mean": statistics.fmean(values),
                "standard_deviation": statistics.stdev(values),
                "values": values,
            }
    write_whole(plan.out / "folds.json", json.dumps(summary, indent=2).encode())
    return summary


def _rows(one: Plan) -> list[dict[str, float]]:
    """The epochs that an earlier run of a fold has behind it."""
    course = read_course(one.workshop)
    if course is not None:
        return list(course.history)
    try:
        card = json.loads(one.file.with_suffix(".json").read_text(encoding="utf-8"))
        return list(card["recipe"]["history"])
    except (OSError, ValueError, KeyError):
        return []
