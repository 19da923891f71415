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
        frames: one result an ε, in rising order; a batch of one each.
        new: the class it is turned into, or would be soonest.
        flip: the smallest ε that turns the reading; None until its stage.
        saved: per frame, format → what became of the example when saved.
        maps: explainer → number of a frame → its maps; from the case's own ε outward.
        scores: explainer → metric → one value an ε, of the map there against the clean one, once
            all its maps are there.
        explained: the class that the maps are for.
        unexplained: explainer → why it gave no map for this model, in one sentence.
        stage: what was computed last: `frames`, `flip`, `explainer:<id>`, `done`.
    """

    spec: CaseSpec
    case: Case
    clean_reading: Reading
    frames: tuple[AttackResult, ...]
    new: str
    saved: tuple[Mapping[str, Saved], ...]
    flip: Flip | None = None
    maps: Mapping[str, Mapping[int, Mapped]] = field(default_factory=dict)
    scores: Mapping[str, Mapping[str, tuple[float, ...]]] = field(default_factory=dict)
    unexplained: Mapping[str, str] = field(default_factory=dict)
    explained: str = ""
    stage: str = "frames"
    seconds: float = 0.0
    passes: Passes = field(default_factory=Passes)

    @property
    def axis(self) -> tuple[Epsilon, ...]:
        """The ε of the frames."""
        return tuple(parse_epsilon(frame.eps, frame.norm) for frame in self.frames)

    def at(self, eps: str) -> int | None:
        """The number of the frame at an ε, however that is written; None where there is none."""
        return _number(self.frames, eps)

    @property
    def nbytes(self) -> int:
        """Memory held."""
        maps = sum(
            m.explanation.maps.nbytes for found in self.maps.values() for m in found.values()
        )
        return maps + sum(2 * frame.images.nbytes for frame in self.frames)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; a metric that is not defined is null."""
        return {
            "data": self.spec.data,
            "image": self.case.id,
            "label": self.case.label,
            "model": self.spec.model,
            "attack": self.spec.attack,
            "parameters": dict(self.frames[0].parameters),
            "norm": self.frames[0].norm,
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
                for i, frame in enumerate(self.frames)
            ],
            "nearest": self.frames[0].distances[0] if self.frames[0].distances else None,
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
    """Compute a case along the ε axis, yielding after the frames, the flip and every few maps.

    Args:
        spec: its own ε is among the frames, too.
        grid: as `radar_core.epsilon.parse_grid` reads it; without one the paper's for a case in
            its units, else the default.
        begin: the ε about which maps come first; without one the case's own.

    The other arguments, and what is raised, are those of `run_case`.
    """
    from radar_core.api import after_saving, attack_grid, smallest_flip
    from radar_core.runtime import count_passes

    method = check_spec(spec)
    if method.placing == "own":
        raise BadParameter(f"{method.title} has no ε: its strength is a parameter of its own")
    axis = _axis(spec, method, grid)
    progress = progress or Progress()
    started = time.perf_counter()
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
        part = progress.part(0.2, 0.4)
        frames = attack_grid(model, clean, spec.attack, axis, label=label, progress=part, **more)
        saved = tuple(after_saving(model, frame)[0] for frame in frames)
    first = frames[0].readings_clean[0]
    result = CurveResult(spec, case, first, frames, _new(frames), saved)

    def grown(**changes: Any) -> CurveResult:
        return replace(
            result, seconds=time.perf_counter() - started, passes=replace(spent), **changes
        )

    yield (result := grown())
    with count_passes() as used:
        part = progress.part(0.4, 0.6)
        flip = smallest_flip(model, clean, spec.attack, frames=frames, progress=part, **more)
    spent.add(used)
    yield (result := grown(flip=flip, stage="flip"))
    explained = _explained(spec, case, model, frames) if spec.explainers else ""
    middle = _number(frames, begin or spec.eps)
    for number, id in enumerate(spec.explainers):
        share = 0.4 / len(spec.explainers)
        part = progress.part(0.6 + number * share, 0.6 + (number + 1) * share)
        stage, found = f"explainer:{id}", dict[int, Mapped]()
        try:
            for some in _outward(len(frames), middle):
                ahead = part.part(len(found) / len(frames), (len(found) + len(some)) / len(frames))
                chosen = {i: frames[i] for i in some}
                with count_passes() as used:
                    found |= _mapped(id, clean, chosen, explained, data, model, spec, ahead)
                spent.add(used)
                maps, scores = {**result.maps, id: dict(found)}, result.scores
                if len(found) == len(frames):
                    scores = {**scores, id: _drift(found)}
                result = grown(maps=maps, scores=scores, explained=explained, stage=stage)
                yield result
        except BadModel as error:  # this explainer does not fit this model; others may
            result = grown(unexplained={**result.unexplained, id: str(error)}, stage=stage)
            yield result
    progress.step(1.0, "done")
    yield grown(stage="done")


def _axis(spec: CaseSpec, method: Attack, grid: str | Sequence[str]) -> tuple[Epsilon, ...]:
    """The ε of the frames: the grid's, and the case's own."""
    own = parse_epsilon(spec.eps, method.norm)
    chosen = parse_grid(grid or ("paper" if own.normalised else "default"), method.norm)
    unit = {eps.normalised for eps in chosen if eps.value}
    fits = own.bounded and {own.normalised} == unit and own.text not in {e.text for e in chosen}
    return parse_grid([*chosen, own], method.norm) if fits else chosen


def _number(frames: Sequence[AttackResult], eps: str) -> int | None:
    wanted = parse_epsilon(eps, frames[0].norm).text
    return next((i for i, frame in enumerate(frames) if frame.eps == wanted), None)


def _new(frames: Sequence[AttackResult]) -> str:
    """The class of the first frame that reads another; else the likeliest other one at the end."""
    first = frames[0].readings_clean[0].label
    for frame in frames:
        if frame.readings_attacked[0].label != first:
            return frame.readings_attacked[0].label
    others = {k: p for k, p in frames[-1].readings_attacked[0].probabilities.items() if k != first}
    return max(others, key=others.__getitem__)


def _explained(
    spec: CaseSpec, case: Case, model: Classifier, frames: Sequence[AttackResult]
) -> str:
    """The class that the maps of all frames are for."""
    here = _number(frames, spec.eps)  # a nearest example's own distance: the last frame holds it
    then = frames[-1 if here is None else here].readings_attacked[0]
    return ground.class_explained(spec, case, model, frames[0].readings_clean[0], then)


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
