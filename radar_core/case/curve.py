"""A case at every ε: readings, the smallest ε that turns it, and how its explanations drift."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from radar_core.case import ground
from radar_core.case.result import finite
from radar_core.case.run import find_case
from radar_core.case.spec import CaseSpec, check_spec
from radar_core.epsilon import Epsilon, parse_epsilon, parse_grid
from radar_core.errors import BadModel, BadParameter
from radar_core.runtime import Passes, Progress, describe, versions

if TYPE_CHECKING:
    from torch import Tensor

    from radar_core.api.flipping import Flip
    from radar_core.attacks import Attack
    from radar_core.attacks.pattern import Pattern
    from radar_core.data import DataSet
    from radar_core.models.classifier import Classifier
    from radar_core.types import AttackResult, Case, Explanation, Reading, Saved

AT_ONCE = 4  # frames that are explained before what is there is shown


class Mapped(NamedTuple):
    """The maps of the clean image and of a frame, and how they compare."""

    explanation: Explanation
    scores: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class CurveResult:
    """A case along the ε axis, as far as it is computed.

    Attributes:
        axis: all ε, in rising order.
        frames: number on the axis → what the attack gave there, a batch of one; those about the
            present ε come first.
        saved: number on the axis → format → what became of the example when saved.
        maps: explainer → number on the axis → the maps there.
        scores: explainer → metric → one value an ε, of the map there against the clean one, once
            all its maps are there.
        flip: the smallest ε that turns the reading; None until it is known.
        explained: the class that the maps are for.
        unexplained: explainer → why it gave no map for this model, in one sentence.
        stage: what was computed last: `frames`, `explainer:<id>`, `done`.
    """

    spec: CaseSpec
    case: Case
    axis: tuple[Epsilon, ...]
    frames: Mapping[int, AttackResult] = field(default_factory=dict)
    saved: Mapping[int, Mapping[str, Saved]] = field(default_factory=dict)
    maps: Mapping[str, Mapping[int, Mapped]] = field(default_factory=dict)
    scores: Mapping[str, Mapping[str, tuple[float, ...]]] = field(default_factory=dict)
    flip: Flip | None = None
    unexplained: Mapping[str, str] = field(default_factory=dict)
    explained: str = ""
    stage: str = "frames"
    seconds: float = 0.0
    passes: Passes = field(default_factory=Passes)

    @property
    def known(self) -> list[int]:
        """The numbers of the frames that are there, in rising order."""
        return sorted(self.frames)

    @property
    def one(self) -> AttackResult:
        """One of the frames, for what they share."""
        return next(iter(self.frames.values()))

    @property
    def clean_reading(self) -> Reading:
        """What the model reads before the attack."""
        return self.one.readings_clean[0]

    @property
    def new(self) -> str:
        """The class of the first frame that reads another; else the likeliest other at the end."""
        first, frames = self.clean_reading.label, [self.frames[i] for i in self.known]
        for frame in frames:
            if frame.readings_attacked[0].label != first:
                return frame.readings_attacked[0].label
        last = frames[-1].readings_attacked[0].probabilities
        return max((k for k in last if k != first), key=last.__getitem__)

    def at(self, eps: str) -> int | None:
        """The number of an ε on the axis, however that is written; None where it is not there."""
        return _number(self.axis, eps)

    @property
    def nbytes(self) -> int:
        """Memory held."""
        maps = sum(
            m.explanation.maps.nbytes for found in self.maps.values() for m in found.values()
        )
        return maps + sum(2 * frame.images.nbytes for frame in self.frames.values())

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; a metric that is not defined is null."""
        return {
            "data": self.spec.data,
            "image": self.case.id,
            "label": self.case.label,
            "model": self.spec.model,
            "attack": self.spec.attack,
            "parameters": dict(self.one.parameters),
            "norm": self.one.norm,
            "towards": self.spec.towards or None,
            "seed": self.spec.seed,
            "clean": self.clean_reading.as_dict(),
            "new": self.new,
            "frames": [
                {
                    "eps": frame.eps,
                    "status": frame.status[0],
                    "attacked": frame.readings_attacked[0].as_dict(),
                    "distance": {
                        "linf": frame.linf[0],
                        "l2": frame.l2[0],
                        "changed": frame.changed[0],
                    },
                    "saved": {name: s.as_dict() for name, s in self.saved[i].items()},
                    "metrics": {
                        id: {name: finite(values[i]) for name, values in scores.items()}
                        for id, scores in self.scores.items()
                    },
                }
                for i, frame in sorted(self.frames.items())
            ],
            "nearest": self.one.distances[0] if self.one.distances else None,
            "smallest_flip": self.flip.as_dict() if self.flip else None,
            "unexplained": dict(self.unexplained),
            "explained": self.explained,
            "seconds": self.seconds,
            "passes": asdict(self.passes),
            "machine": describe(),
            "versions": versions(),
        }


def run_curve(
    spec: CaseSpec,
    *,
    data: DataSet | None,
    model: Classifier,
    case: Case | None = None,
    grid: str | Sequence[str] = "",
    pattern: Pattern | None = None,
    begin: str = "",
    progress: Progress | None = None,
) -> Iterator[CurveResult]:
    """Compute a case along the ε axis, yielding after every few frames and maps.

    Args:
        spec: its own ε is among the frames, too.
        grid: as `radar_core.epsilon.parse_grid` reads it; without one the paper's for a case in
            its units, else the default.
        begin: the ε that comes first; without one the case's own, as it must be where the class
            explained is the one read after the attack.

    The other arguments, and what is raised, are those of `run_case`.
    """
    from radar_core.api import after_saving, attack_grid
    from radar_core.api.flipping import flip_rounds
    from radar_core.runtime import count_passes

    method = check_spec(spec)
    if method.placing == "own":
        raise BadParameter(f"{method.title} has no ε: its strength is a parameter of its own")
    progress = progress or Progress()
    started = time.perf_counter()
    axis = _axis(spec, method, grid)
    order = list(_outward(len(axis), _number(axis, begin or spec.eps)))
    with count_passes() as spent:
        case = find_case(spec, data) if case is None else case
        clean = model.prepare(case.image)
        if pattern is None:
            part = progress.part(0.0, 0.2)
            pattern = ground.pattern(spec, method, data, model, part, avoid=case.id)
    more: dict[str, Any] = {
        "target": spec.towards or None,
        "pattern": pattern,
        "seed": spec.seed,
        **dict(spec.attack_parameters),
    }
    label = case.label if case.label in model.class_names else None
    result = CurveResult(spec, case, axis)

    def grown(used: Passes, **changes: Any) -> CurveResult:
        spent.add(used)
        return replace(
            result, seconds=time.perf_counter() - started, passes=replace(spent), **changes
        )

    for number, some in enumerate(order):
        ahead = progress.part(
            0.2 + 0.6 * number / len(order), 0.2 + 0.6 * (number + 1) / len(order)
        )
        if any(i not in result.frames for i in some):
            # What seeks the nearest example finds it once for all ε.
            new = some if method.placing == "budget" else range(len(axis))
            part, wanted = ahead.part(0.0, 0.6), [axis[i] for i in sorted(new)]
            with count_passes() as used:
                come = attack_grid(
                    model, clean, spec.attack, wanted, label=label, progress=part, **more
                )
                kept = [after_saving(model, frame)[0] for frame in come]
            frames = {**result.frames, **dict(zip(sorted(new), come, strict=True))}
            saved = {**result.saved, **dict(zip(sorted(new), kept, strict=True))}
            yield (result := grown(used, frames=frames, saved=saved, stage="frames"))
            if spec.explainers and not result.explained:
                result = replace(result, explained=_explained(result, model))
        left = [id for id in spec.explainers if id not in result.unexplained]
        for place, id in enumerate(left):
            part = ahead.part(0.6 + 0.4 * place / len(left), 0.6 + 0.4 * (place + 1) / len(left))
            with count_passes() as used:
                changes = _explain(id, some, result, clean, data, model, part)
            yield (result := grown(used, **changes, stage=f"explainer:{id}"))
    part, every = progress.part(0.8, 1.0), [result.frames[i] for i in range(len(axis))]
    rounds = flip_rounds(model, clean, spec.attack, every, progress=part, **more)
    flip = None
    while flip is None:
        with count_passes() as used:
            flip = next(rounds)
        if flip is None:
            spent.add(used)
            yield result  # nothing new is known; who is in more of a hurry goes in between
    progress.step(1.0, "done")
    yield grown(used, flip=flip, stage="done")


def _axis(spec: CaseSpec, method: Attack, grid: str | Sequence[str]) -> tuple[Epsilon, ...]:
    """The ε of the frames: the grid's, and the case's own."""
    own = parse_epsilon(spec.eps, method.norm)
    chosen = parse_grid(grid or ("paper" if own.normalised else "default"), method.norm)
    unit = {eps.normalised for eps in chosen if eps.value}
    fits = own.bounded and {own.normalised} == unit and own.text not in {e.text for e in chosen}
    return parse_grid([*chosen, own], method.norm) if fits else chosen


def _number(axis: Sequence[Epsilon], eps: str) -> int | None:
    wanted = parse_epsilon(eps, axis[0].norm).text
    return next((i for i, other in enumerate(axis) if other.text == wanted), None)


def _explained(curve: CurveResult, model: Classifier) -> str:
    """The class that the maps of all frames are for."""
    here = curve.at(curve.spec.eps)
    if here is None or here not in curve.frames:
        here = curve.known[-1]  # it holds the nearest example, where ε is that one's distance
    then = curve.frames[here].readings_attacked[0]
    return ground.class_explained(curve.spec, curve.case, model, curve.clean_reading, then)


def _explain(
    id: str,
    numbers: Sequence[int],
    curve: CurveResult,
    clean: Tensor,
    data: DataSet | None,
    model: Classifier,
    progress: Progress,
) -> dict[str, Any]:
    """What changes in a curve once the maps of these frames are there."""
    chosen = {i: curve.frames[i] for i in numbers}
    try:
        come = _mapped(id, clean, chosen, curve.explained, data, model, curve.spec, progress)
    except BadModel as error:  # this explainer does not fit this model; others may
        return {"unexplained": {**curve.unexplained, id: str(error)}}
    found = {**curve.maps.get(id, {}), **come}
    changes: dict[str, Any] = {"maps": {**curve.maps, id: found}}
    if len(found) == len(curve.axis):
        changes["scores"] = {**curve.scores, id: _drift(found)}
    return changes


def _outward(frames: int, middle: int | None) -> Iterator[list[int]]:
    """The numbers of the frames, those about the middle (or the last) first, a few at a time."""
    middle = frames - 1 if middle is None else middle
    nearest = sorted(range(frames), key=lambda i: (abs(i - middle), i))
    for start in range(0, frames, AT_ONCE):
        yield nearest[start : start + AT_ONCE]


def _drift(found: Mapping[int, Mapped]) -> dict[str, tuple[float, ...]]:
    """Metric → one value an ε, in rising order."""
    return {name: tuple(found[i].scores[name] for i in sorted(found)) for name in found[0].scores}


def _mapped(
    id: str,
    clean: Tensor,
    frames: Mapping[int, AttackResult],
    explained: str,
    data: DataSet | None,
    model: Classifier,
    spec: CaseSpec,
    progress: Progress,
) -> dict[int, Mapped]:
    """The maps of some frames by their numbers. Frames with equal images are explained once."""
    from radar_core.api import compare, explain

    images, place = [clean[0]], {}
    for number, frame in frames.items():
        image = frame.images[0].to(clean.device)
        same = next((i for i, other in enumerate(images) if bool((image == other).all())), None)
        place[number] = len(images) if same is None else same
        if same is None:
            images.append(image)
    maps = explain(
        model,
        images,
        id,
        target=explained,
        background=ground.background(data, model),
        seed=spec.seed,
        progress=progress,
        **spec.parameters_of(id),
    )
    scores = [compare(maps[0], maps[i]) for i in range(len(images))]
    return {number: Mapped(maps.pair(i), scores[i]) for number, i in place.items()}
