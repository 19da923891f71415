"""How often screening is right: each score and all together, by attack and ε, on test images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radar_core.detection.detector import Detector, Measured, scores
from radar_core.epsilon import parse_epsilon
from radar_core.experiments.consistency import auroc, comparisons, true_positive_rate
from radar_core.runtime import Progress
from radar_core.uncover.making import Material, assemble, benign, cases_of, of_any_class
from radar_core.uncover.measuring import CLEAN, Change, Measurer

if TYPE_CHECKING:
    from pandas import DataFrame

    from radar_core.data import DataSet

TOGETHER = "combined"


@dataclass(frozen=True, eq=False)
class Measurements:
    """Test images, measured clean, benignly changed and attacked.

    Attributes:
        images: ids. clean: of each image. changed: by the benign change. attacked: by attack and ε,
            with (n,) whether the attack turned the reading. others: clean images of other sets, of
            another camera or another kind, by the set's title.
    """

    images: tuple[str, ...]
    clean: Measured
    changed: Mapping[str, Measured]
    attacked: Mapping[tuple[str, str], tuple[Measured, Tensor]]
    others: Mapping[str, Measured] = field(default_factory=dict)


@dataclass
class Bench:
    """What came out.

    Attributes:
        rows: a row a score, attack and ε: `detector`, `attack`, `eps`, `radius` (the ε allowed,
            in 255ths; infinite without a budget), `images` (turned), `auroc` with its
            interval, `tpr` at 5 % false alarms among clean and benign images, `caught` at the
            calibrated threshold.
        alarms: a row a kind of clean or benignly changed images: `false_alarms` of the combination
            at the calibrated threshold, of `images`, with a 95 % Wilson interval, and the share of
            which nothing can be told (`cannot_tell`), whatever their suspicion.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    alarms: list[dict[str, Any]] = field(default_factory=list)

    def tables(self) -> tuple[DataFrame, DataFrame]:
        """Rows and alarms as data frames."""
        import pandas as pd

        return pd.DataFrame(self.rows), pd.DataFrame(self.alarms)


def measure_test(
    data: DataSet,
    measurer: Measurer,
    changes: Sequence[Change],
    count: int,
    progress: Progress,
    split: str = "test",
    also: Sequence[DataSet] = (),
) -> Measurements:
    """Look at test images, clean and changed.

    Args:
        changes: attacks at their ε. count: images at most, classes in turn.
        also: other sets, whose clean images are looked at, as many of each.

    Raises:
        BadData, BadModel: no image that the model can read. Cancelled: the watcher asked to stop.
    """
    cases = cases_of(data, split, count, measurer.model)
    harmless = benign()
    work = [("clean images", CLEAN, cases)]
    work += [(title, change, cases) for title, change in harmless.items()]
    work += [(f"{change.attack} {change.eps or ''}", change, cases) for change in changes]
    work += [(other.title, CLEAN, of_any_class(other, count)) for other in also]
    found = []
    for number, (title, change, images) in enumerate(work):
        progress.step(number / len(work), title)
        here = progress.part(number / len(work), (number + 1) / len(work))
        found.append(measurer(images, change, here))
    first, last = 1 + len(harmless), len(work) - len(also)
    attacked = zip(changes, found[first:last], strict=True)
    return Measurements(
        tuple(case.id for case in cases),
        found[0][0],
        {title: measured for title, (measured, _) in zip(harmless, found[1:], strict=False)},
        {(change.attack, change.eps or "own"): result for change, result in attacked},
        {other.title: measured for other, (measured, _) in zip(also, found[last:], strict=True)},
    )


def evaluate(
    material: Material,
    tested: Measurements,
    detectors: Sequence[str] = (),
    *,
    left_out: bool = True,
) -> Bench:
    """Compare every score, and their combination, on the test images.

    Args:
        detectors: the scores to show; all without any.
        left_out: the combination that an attack is tested with has not seen that attack.
    """
    bench = Bench()
    whole = assemble(material, {"model": "", "model_sha256": ""})
    elsewhere = {f"clean, of {title}": each for title, each in tested.others.items()}
    for title, measured in {"clean": tested.clean, **tested.changed, **elsewhere}.items():
        bench.alarms.append(_alarms(title, whole, measured))
    names = [name for name in whole.states if not detectors or name in detectors]
    order = sorted(tested.attacked, key=lambda frame: (frame[0], _radius(frame[1])))
    made: dict[str, Detector] = {}
    for attack, eps in order:
        measured, turned = tested.attacked[attack, eps]
        if attack not in made:
            others = [name for name in material.attacked if name != attack]
            leave = [attack] if left_out and others else []
            made[attack] = assemble(material, {"model": "", "model_sha256": ""}, leave)
        detector = made[attack]
        given = {name: (scores(measured, detector.states)[name]) for name in names}
        given[TOGETHER] = detector.suspicion(measured)
        for name, values in given.items():
            benign_scores = [
                _of(detector, name, each) for each in (tested.clean, *tested.changed.values())
            ]
            row = {"detector": name, "attack": attack, "eps": eps, "radius": _radius(eps)}
            row |= _row(values, turned, torch.stack(benign_scores, 1))
            row["caught"] = (
                float((values[turned] > detector.threshold).float().mean())
                if name == TOGETHER and turned.any()
                else float("nan")
            )
            bench.rows.append(row)
    return bench


def _of(detector: Detector, name: str, measured: Measured) -> Tensor:
    if name == TOGETHER:
        return detector.suspicion(measured)
    return scores(measured, {name: detector.states[name]})[name]


def _row(values: Tensor, turned: Tensor, harmless: Tensor) -> dict[str, Any]:
    """One score against one attack; an image is resampled with all of its variants."""
    attacked = values.double().numpy()
    negatives: list[NDArray[np.float64]] = [row.double().numpy() for row in harmless]
    wins, pairs = comparisons(attacked, negatives)
    counts = turned.numpy()
    wins, pairs = wins * counts[:, None], pairs * counts[:, None]
    area, low, high = auroc(wins, pairs)
    return {
        "images": int(counts.sum()),
        "auroc": area,
        "auroc_low": low,
        "auroc_high": high,
        "tpr": true_positive_rate(attacked[counts], np.concatenate(negatives)),
    }


def _alarms(title: str, detector: Detector, measured: Measured) -> dict[str, Any]:
    from radar_core.sanity import Share

    suspicion = detector.suspicion(measured)
    share = Share(int((suspicion > detector.threshold).sum()), len(suspicion))
    unlike = list(detector.unlike(measured).values())
    low, high = share.interval
    return {
        "images_are": title,
        "images": len(suspicion),
        "false_alarms": share.hits / share.of,
        "false_alarms_low": low,
        "false_alarms_high": high,
        "cannot_tell": float(torch.stack(unlike).any(0).float().mean()) if unlike else 0.0,
    }


def _radius(eps: str) -> float:
    radius = parse_epsilon(eps, "linf")
    return 255 * radius.value if radius.bounded else float("inf")
