"""The noise floor of a case: what harmless noise of the attack's size does to its numbers."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from radar_core.case import ground
from radar_core.case.result import CaseResult, finite
from radar_core.errors import BadParameter
from radar_core.floor import Place, place
from radar_core.runtime import Passes, Progress, describe, versions

if TYPE_CHECKING:
    from torch import Tensor

    from radar_core.data import DataSet
    from radar_core.models.classifier import Classifier
    from radar_core.types import Reading

CONTROLS = 20
STEP_SECONDS = 8.0  # about what one step may take, so that a more urgent job need not wait long

ByMetric = Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, eq=False)
class FloorResult:
    """The controls of a case, as far as they are explained.

    Attributes:
        kind: the benign control, a registered one.
        norm, size: how large each control is, as the attack was.
        readings: of the controls.
        scores: explainer → metric → one value a control, of its map against the clean one.
        repeats: explainer that draws → metric → the value of the clean image explained twice, the
            second time with another seed.
        evidence: explainer → mask → one change of the evidence share a control, without sign.
        places: explainer → metric → where the attack's own value stands among the controls'.
        evidence_places: the same, of the change of the evidence share, explainer → mask.
        stage: what was computed last: `controls`, `explainer:<id>`, `done`.
    """

    case: CaseResult
    kind: str
    norm: str
    size: float
    readings: tuple[Reading, ...]
    scores: Mapping[str, ByMetric] = field(default_factory=dict)
    repeats: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    evidence: Mapping[str, ByMetric] = field(default_factory=dict)
    places: Mapping[str, Mapping[str, Place]] = field(default_factory=dict)
    evidence_places: Mapping[str, Mapping[str, Place]] = field(default_factory=dict)
    stage: str = "controls"
    seconds: float = 0.0
    passes: Passes = field(default_factory=Passes)

    @property
    def nbytes(self) -> int:
        """Memory held: the maps and images of the case."""
        tensors = [self.case.clean, *(e.maps for e in self.case.explanations.values())]
        if self.case.attack is not None:
            tensors += [self.case.attack.images, self.case.attack.clean]
        return sum(tensor.nbytes for tensor in tensors)

    @property
    def turned(self) -> int:
        """How many controls change the reading."""
        first = self.case.clean_reading.label
        return sum(reading.label != first for reading in self.readings)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; what is not defined is null."""

        def plain(places: Mapping[str, Place]) -> dict[str, Any]:
            return {name: {**asdict(at), "value": finite(at.value)} for name, at in places.items()}

        return {
            "kind": self.kind,
            "norm": self.norm,
            "size": self.size,
            "controls": len(self.readings),
            "controls_that_turn_the_reading": self.turned,
            "metrics": {
                id: {
                    name: {
                        **plain(self.places[id])[name],
                        "of_controls": [finite(value) for value in values],
                        "another_seed": finite(self.repeats.get(id, {}).get(name, math.nan)),
                    }
                    for name, values in scores.items()
                }
                for id, scores in self.scores.items()
            },
            "evidence_share_change": {
                id: {
                    mask: {
                        **plain(self.evidence_places[id])[mask],
                        "of_controls": [finite(value) for value in values],
                    }
                    for mask, values in masks.items()
                }
                for id, masks in self.evidence.items()
            },
            "seconds": self.seconds,
            "passes": asdict(self.passes),
            "machine": describe(),
            "versions": versions(),
        }


def run_floor(
    case: CaseResult,
    *,
    data: DataSet | None,
    model: Classifier,
    controls: int = CONTROLS,
    explainers: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Iterator[FloorResult]:
    """Explain benign controls of a finished case, yielding as places become known.

    Args:
        case: attacked and explained.
        explainers: those of the case to hold against noise; without a choice, all of them.
        controls: how many; fewer than 19 allow no word (see `radar_core.floor`).

    Raises:
        BadParameter: a case without an attack or with one that changed nothing. `Cancelled`.
    """
    from radar_core.api import benign_controls
    from radar_core.api.controls import KINDS
    from radar_core.runtime import count_passes

    if case.attack is None:
        raise BadParameter("a noise floor needs a case that was attacked")
    progress = progress or Progress()
    started = time.perf_counter()
    made = benign_controls(case.attack, count=controls, seed=case.spec.seed)
    progress.step(0.0, f"reading {controls} benign controls")
    with count_passes() as spent:
        readings = model.read(made.to(model.device))
    images = list(made.cpu())
    result = FloorResult(
        case=case,
        kind=KINDS[case.attack.norm],
        norm=case.attack.norm,
        size=(case.attack.linf if case.attack.norm == "linf" else case.attack.l2)[0],
        readings=readings,
    )

    def grown(**changes: Any) -> FloorResult:
        spent_seconds = time.perf_counter() - started
        return replace(result, seconds=spent_seconds, passes=replace(spent), **changes)

    yield (result := grown())
    ids = [id for id in case.explanations if explainers is None or id in explainers]
    costs = [case.explanations[id].seconds for id in ids]
    done = 0.0
    for id, cost in zip(ids, costs, strict=True):
        low, high = (0.05 + 0.95 * at / sum(costs) for at in (done, done + cost))
        done += cost
        for maps, repeat in _explained(
            case, id, images, data, model, progress.part(low, high), spent
        ):
            changes = _placed(case, id, maps, repeat)
            new = {name: {**getattr(result, name), id: value} for name, value in changes.items()}
            yield (result := grown(**new, stage=f"explainer:{id}"))
    progress.step(1.0, "done")
    yield grown(stage="done")


def _explained(
    case: CaseResult,
    id: str,
    images: list[Tensor],
    data: DataSet | None,
    model: Classifier,
    progress: Progress,
    spent: Passes,
) -> Iterator[tuple[list[Tensor], Tensor | None]]:
    """Maps of the controls so far, a few more each time, and one of the clean image, reseeded."""
    from radar_core.api import explain
    from radar_core.explainers import EXPLAINERS
    from radar_core.runtime import count_passes

    known = case.explanations[id]
    more: dict[str, Any] = {
        "target": known.targets[0],
        "background": ground.background(data, model),
        **case.spec.parameters_of(id),
    }
    maps: list[Tensor] = []
    repeat = None
    step = max(1, min(len(images), int(STEP_SECONDS / max(known.seconds / 2, 1e-3))))
    whole = len(images) + 1
    if EXPLAINERS[id].draws:
        part = progress.part(0, 1 / whole)
        with count_passes() as used:
            repeat = explain(
                model, case.clean, id, seed=case.spec.seed + 1, progress=part, **more
            ).maps[0]
        spent.add(used)
    for start in range(0, len(images), step):
        some = images[start : start + step]
        part = progress.part((start + 1) / whole, (start + 1 + len(some)) / whole)
        with count_passes() as used:
            # The clean image again, as the reference: superpixels, masks and draws follow from it.
            found = explain(
                model, [case.clean, *some], id, seed=case.spec.seed, progress=part, **more
            )
        spent.add(used)
        maps += found.maps[1:].cpu()
        yield maps, repeat


def _placed(case: CaseResult, id: str, maps: list[Tensor], repeat: Tensor | None) -> dict[str, Any]:
    """The numbers of the controls of one explainer, and the attack's places among them."""
    from radar_core.api import compare, localise
    from radar_core.metrics import METRICS

    clean = case.explanations[id].maps[0].cpu()
    each = [compare(clean, other) for other in maps]
    scores = {name: tuple(found[name] for found in each) for name in case.scores[id]}
    changes = {}
    moved = {}
    for name, mask in case.masks.items():
        before, after = case.evidence[id][name]["evidence_share"]
        moved[name] = abs(after - before)
        shares = [localise(other, mask, ["evidence_share"])["evidence_share"] for other in maps]
        changes[name] = tuple(abs(share - before) for share in shares)
    placed: dict[str, Any] = {
        "scores": scores,
        "places": {
            name: place(
                case.scores[id][name],
                values,
                METRICS[name].direction,
                span=METRICS[name].high - METRICS[name].low,
            )
            for name, values in scores.items()
        },
        "evidence": changes,
        "evidence_places": {
            name: place(moved[name], values, "lower") for name, values in changes.items()
        },
    }
    if repeat is not None:
        placed["repeats"] = compare(clean, repeat.cpu())
    return placed
