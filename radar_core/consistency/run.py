"""Run a study, an image at a time; what is done is kept, and a later run goes on from there."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radar_core.case import ground
from radar_core.consistency.spec import StudySpec
from radar_core.errors import BadData, BadModel, BadParameter, CannotWrite
from radar_core.runtime import Progress, describe, versions

if TYPE_CHECKING:
    from pandas import DataFrame
    from torch import Tensor

    from radar_core.data import DataSet
    from radar_core.models.classifier import Classifier
    from radar_core.types import AttackResult, Case

SEED = 46  # of the order of images
COLUMNS = (
    "image",
    "label",
    "first",
    "kind",
    "attack",
    "eps",
    "norm",
    "size",
    "status",
    "reads",
    "explainer",
    "metric",
    "value",
)


@dataclass(frozen=True, eq=False)
class Study:
    """A study as far as it is computed.

    Attributes:
        rows: one a value, in a long table: `kind` is `attack`, `control` (of the attack and ε named
            beside it) or `repeat` (the clean image explained again with another seed); `size` is
            the distance reached, in `norm`.
        done, images: how many images are computed, and of how many.
        unexplained: explainer → why it gave no maps, in one sentence.
    """

    spec: StudySpec
    rows: DataFrame
    done: int
    images: int
    unexplained: dict[str, str]
    seconds: float


def run_study(
    spec: StudySpec,
    folder: Path,
    *,
    data: DataSet,
    model: Classifier,
    images: int,
    progress: Progress | None = None,
) -> Iterator[Study]:
    """Compute a study in a folder, yielding after each image.

    Each image's rows are one Parquet file, written whole or not at all, so that a run killed at any
    moment goes on where it was; more images of the same study are added to those there are.

    Args:
        folder: a new one, or that of the same study.
        images: how many, classes in turn; unreadable ones are passed over.

    Raises:
        BadParameter: the folder holds another study, or a specification that cannot be.
        CannotWrite: the folder cannot be written to. BadData: no readable image. `Cancelled`.
    """
    import pandas as pd

    from radar_core.data.sampling import in_turn, readable

    runs = spec.runs()
    if images < 1:
        raise BadParameter(f"a study needs at least one image, not {images}")
    progress = progress or Progress()
    started = time.perf_counter()
    cells = _open(spec, folder)
    parts: list[Any] = []
    unexplained: dict[str, str] = {}
    order = in_turn(data, SEED)
    count = min(images, len(order))
    try:
        cases = readable(data, order, count)
        for number, case in enumerate(cases):
            place = cells / f"{hashlib.sha256(case.id.encode()).hexdigest()[:24]}.parquet"
            part = progress.part(number / count, (number + 1) / count)
            part.step(0.0, f"image {number + 1} of {count}")
            if not place.is_file():
                rows = _image(spec, runs, case, data, model, unexplained, part)
                _write(pd.DataFrame(rows, columns=list(COLUMNS)), place)
            parts.append(pd.read_parquet(place))
            yield Study(
                spec,
                pd.concat(parts, ignore_index=True),
                number + 1,
                count,
                dict(unexplained),
                time.perf_counter() - started,
            )
    except OSError as error:
        raise CannotWrite(f"{folder} cannot be written to ({error.strerror or error})") from None
    if not parts:
        raise BadData(f"{data.name} has no readable image")
    progress.step(1.0, "done")


def _open(spec: StudySpec, folder: Path) -> Path:
    """The folder of the study's cells, its manifest checked or written."""
    manifest = folder / "manifest.json"
    wanted = json.loads(json.dumps(asdict(spec)))
    try:
        cells = folder / "cells"
        cells.mkdir(parents=True, exist_ok=True)
        if manifest.is_file():
            try:
                known = json.loads(manifest.read_text("utf-8"))["spec"]
            except (ValueError, KeyError, TypeError):
                raise BadParameter(
                    f"{manifest} is not a study's manifest; choose another folder"
                ) from None
            if known != wanted:
                differ = [k for k in wanted if known.get(k) != wanted[k]]
                raise BadParameter(
                    f"{folder} holds another study ({', '.join(differ)} differ); "
                    "choose another folder, or repeat its settings to go on with it"
                )
        else:
            said = {"spec": wanted, "key": spec.key(), "machine": describe()}
            text = json.dumps({**said, "versions": versions()}, indent=2, ensure_ascii=False)
            _replace(manifest, lambda path: path.write_text(text, "utf-8"))
    except OSError as error:
        raise CannotWrite(f"{folder} cannot be written to ({error.strerror or error})") from None
    return cells


def _write(frame: DataFrame, place: Path) -> None:
    _replace(place, lambda path: frame.to_parquet(path, index=False))


def _replace(place: Path, write: Any) -> None:
    """Write a file so that it is there whole or not at all."""
    beside = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        write(beside)
        beside.replace(place)
    finally:
        beside.unlink(missing_ok=True)


def _image(
    spec: StudySpec,
    runs: Sequence[tuple[str, str]],
    case: Case,
    data: DataSet,
    model: Classifier,
    unexplained: dict[str, str],
    progress: Progress,
) -> list[dict[str, Any]]:
    """The rows of one image: every attack, its controls, every explainer, every metric."""
    from radar_core.api import attack, benign_controls, explain
    from radar_core.attacks import ATTACKS
    from radar_core.explainers import EXPLAINERS

    clean = model.prepare(case.image)
    label = case.label if case.label in model.class_names else None
    changed: list[tuple[dict[str, Any], AttackResult]] = []
    controls: dict[tuple[str, str], tuple[AttackResult, ...]] = {}
    for number, (method, eps) in enumerate(runs):
        part = progress.part(0.4 * number / len(runs), 0.4 * (number + 1) / len(runs))
        pattern = ground.pattern(
            spec.case(method),
            ATTACKS.create(method),
            data,
            model,
            part,
            avoid=case.id,
        )
        found = attack(
            model, clean, method, eps, label=label, pattern=pattern, seed=spec.seed, progress=part
        )
        named = {"attack": method, "eps": eps, "norm": found.norm, "status": found.status[0]}
        changed.append(({**named, "kind": "attack"}, found))
        reached = (found.linf if found.norm == "linf" else found.l2)[0]
        if reached:
            key = (found.norm, f"{reached:.4g}")
            if key not in controls:  # attacks of one size share their controls
                controls[key] = benign_controls(
                    model, found, count=spec.controls, seed=spec.seed, progress=part
                )
            changed += [({**named, "kind": "control"}, made) for made in controls[key]]
    first = model.read(clean)[0].label
    about = {"image": case.id, "label": case.label, "first": first}
    distinct = list({id(made): made for _, made in changed}.values())
    place = {id(made): number + 1 for number, made in enumerate(distinct)}
    images = [clean[0], *(made.images[0].to(clean.device) for made in distinct)]
    masks = ground.masks(model, case)
    rows: list[dict[str, Any]] = []
    for number, name in enumerate(spec.explainers):
        low, high = (0.4 + 0.6 * n / len(spec.explainers) for n in (number, number + 1))
        more: dict[str, Any] = {
            "target": first,
            "background": ground.background(data, model),
            **spec.case("pgd").parameters_of(name),
        }
        try:
            maps = explain(
                model, images, name, seed=spec.seed, progress=progress.part(low, high), **more
            ).maps.cpu()
        except BadModel as error:  # it does not fit this model; the others may
            unexplained[name] = str(error)
            continue
        if EXPLAINERS[name].draws:
            part = progress.part(high, high)
            again = (
                explain(model, clean, name, seed=spec.seed + 1, progress=part, **more).maps[0].cpu()
            )
            values = _values(maps[0], again, masks)
            rows += [
                {**about, "kind": "repeat", "explainer": name, "metric": metric, "value": value}
                for metric, value in values.items()
            ]
        scored = {number: _values(maps[0], maps[number], masks) for number in place.values()}
        for named, made in changed:
            reached = (made.linf if named["norm"] == "linf" else made.l2)[0]
            reads = made.readings_attacked[0].label
            rows += [
                {
                    **about,
                    **named,
                    "size": reached,
                    "reads": reads,
                    "explainer": name,
                    "metric": metric,
                    "value": value,
                }
                for metric, value in scored[place[id(made)]].items()
            ]
    return rows


def _values(first: Tensor, second: Tensor, masks: dict[str, Tensor]) -> dict[str, float]:
    """Every metric of two maps, and how far the share within each mask moved."""
    from radar_core.api import compare, localise

    found = compare(first, second)
    for name, mask in masks.items():
        one, other = (localise(m, mask, ["evidence_share"]) for m in (first, second))
        found[f"{name}_share_change"] = abs(one["evidence_share"] - other["evidence_share"])
    return found
