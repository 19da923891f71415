"""One case from image to scores: the path that the page, the command line and reports share."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from radar_core.case import ground
from radar_core.case.result import CaseResult
from radar_core.case.spec import CaseSpec, check_spec
from radar_core.errors import BadModel, BadParameter
from radar_core.runtime import Progress

if TYPE_CHECKING:
    from radar_core.attacks.pattern import Pattern
    from radar_core.data import DataSet
    from radar_core.models.classifier import Classifier
    from radar_core.types import Case, Explanation


def run_case(
    spec: CaseSpec,
    *,
    data: DataSet | None,
    model: Classifier,
    case: Case | None = None,
    pattern: Pattern | None = None,
    progress: Progress | None = None,
) -> Iterator[CaseResult]:
    """Compute a case, yielding what is known after the reading, the attack and each explainer.

    Args:
        data: where the image comes from; None for an upload, whose `case` is given.
        pattern: for a universal attack; without one it is fitted here, on the training split.
        progress: stepped within each stage.

    Raises:
        RadarError: a specification, image or model that cannot be used; `Cancelled` on request.
    """
    from radar_core.api import after_saving, attack, compare, explain
    from radar_core.runtime import count_passes

    method = check_spec(spec)
    progress = progress or Progress()
    started = time.perf_counter()
    with count_passes() as spent:
        progress.step(0.0, "reading")
        case = find_case(spec, data) if case is None else case
        clean = model.prepare(case.image)
        result = CaseResult(
            spec=spec,
            case=case,
            clean=clean[0].cpu(),
            clean_reading=model.read(clean)[0],
            model_sha256=model.sha256(),
            masks=ground.masks(model, case),
            notes=ground.notes(case, model),
        )

    def grown(**changes: Any) -> CaseResult:
        spent_seconds = time.perf_counter() - started
        return replace(result, seconds=spent_seconds, passes=replace(spent), **changes)

    yield (result := grown())
    shares = _shares(len(spec.explainers))
    part = progress.part(*next(shares))
    with count_passes() as used:
        given = pattern is not None
        if pattern is None:
            pattern = ground.pattern(spec, method, data, model, part.part(0.0, 0.9), avoid=case.id)
        attacked = attack(
            model,
            clean,
            spec.attack,
            spec.eps,
            label=case.label if case.label in model.class_names else None,
            target=spec.towards or None,
            pattern=pattern,
            seed=spec.seed,
            progress=part.part(0.9, 1.0) if pattern else part,
            **dict(spec.attack_parameters),
        )
        saved = after_saving(model, attacked)[0]
    spent.add(used)
    said = result.notes
    if pattern is not None:
        said += (ground.about(pattern, apart=not given),)
    if spec.towards == result.clean_reading.label:
        said += (f"The model reads {spec.towards} to begin with: there is nothing to attack.",)
    yield (result := grown(attack=attacked, saved=saved, stage="attack", notes=said))
    pair = [clean[0], attacked.images[0].to(clean.device)]
    readings = (result.clean_reading, attacked.readings_attacked[0])
    explained = ground.class_explained(spec, case, model, *readings) if spec.explainers else ""
    for id in spec.explainers:
        part = progress.part(*next(shares))
        stage = f"explainer:{id}"
        try:
            with count_passes() as used:
                maps = explain(
                    model,
                    pair,
                    id,
                    target=explained,
                    background=ground.background(data, model),
                    seed=spec.seed,
                    progress=part,
                    **spec.parameters_of(id),
                )
        except BadModel as error:  # this explainer does not fit this model; others may
            result = grown(unexplained={**result.unexplained, id: str(error)}, stage=stage)
            yield result
            continue
        spent.add(used)
        result = grown(
            explanations={**result.explanations, id: maps},
            scores={**result.scores, id: compare(maps[0], maps[1])},
            evidence={**result.evidence, id: _evidence(result, maps)},
            stage=stage,
        )
        yield result
    progress.step(1.0, "done")
    yield grown(stage="done")


def _evidence(result: CaseResult, maps: Explanation) -> dict[str, dict[str, tuple[float, float]]]:
    """How much of the clean and of the attacked map lies within each mask there is."""
    from radar_core.api import localise

    found = {}
    for name, mask in result.masks.items():
        clean, attacked = (localise(maps[i], mask) for i in (0, 1))
        found[name] = {measure: (clean[measure], attacked[measure]) for measure in clean}
    return found


def find_case(spec: CaseSpec, data: DataSet | None) -> Case:
    """The image that a specification names.

    Raises:
        BadParameter: no data set. NoSuchCase, BadImage: it is not there or cannot be read.
    """
    if data is None:
        raise BadParameter("a case needs a data set, or an image of its own")
    return data.case(data.find(spec.image))


def _shares(explainers: int) -> Iterator[tuple[float, float]]:
    """The part of the progress bar of the attack, then of each explainer."""
    step = 1 / (explainers + 1)
    for i in range(explainers + 1):
        yield i * step, (i + 1) * step
