"""What a story shows, computed ahead: a file a step, kept by what it is computed from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radar_core.case import run_case, run_curve, run_floor
from radar_core.case.run import find_case
from radar_core.errors import BadStory, Cancelled, RadarError
from radar_core.runtime import Progress, versions
from radar_core.settings import settings
from radar_core.story.reading import Step, Story
from radar_core.view.blob import pack
from radar_core.view.frames import composed, curve_view
from radar_core.view.panels import case_view
from radar_core.writing import write_whole

if TYPE_CHECKING:
    from radar_core.data import DataSet
    from radar_core.models import Classifier
    from radar_core.types import Case

FORMAT = 1  # of the files; another one is computed anew
CHEAP = 8  # passes that a map may cost to be computed at every ε where ε does not sweep


@dataclass(frozen=True)
class Prepared:
    """Where the steps of a story lie, or are to lie.

    Attributes:
        files: one a step, in order.
        missing: the numbers of those that are not computed yet.
    """

    story: Story
    files: tuple[Path, ...]
    missing: tuple[int, ...]

    @property
    def done(self) -> bool:
        """Whether it can be shown."""
        return not self.missing


def prepared(story: Story) -> Prepared:
    """How far a story is prepared for its images and models as they are now.

    Raises:
        BadStory: an image or a model of it is not there; which step, and why.
    """
    files = tuple(_file(step, *_open(number, step)) for number, step in enumerate(story.steps, 1))
    return Prepared(story, files, tuple(i for i, file in enumerate(files) if not file.is_file()))


def prepare(story: Story, progress: Progress | None = None) -> Iterator[Prepared]:
    """Compute the steps that are missing, yielding after each; one that is done stays.

    Raises:
        BadStory: a step that cannot be computed; which, and why.
    """
    progress = progress or Progress()
    yield (state := prepared(story))
    for place, i in enumerate(state.missing):
        step, ends = story.steps[i], [(place + k) / len(state.missing) for k in (0, 1)]
        try:
            write_whole(state.files[i], _computed(step, *_open(i + 1, step), progress.part(*ends)))
        except (BadStory, Cancelled):
            raise
        except RadarError as error:
            raise BadStory(f"step {i + 1} of {story.title}: {error}") from None
        yield replace(state, missing=state.missing[place + 1 :])
    progress.step(1.0, "prepared")


def packed(state: Prepared) -> bytes:
    """A prepared story as the one blob that the component for showing it is given.

    Raises:
        BadStory: a step is not prepared.
    """
    if state.missing:
        raise BadStory(f"{state.story.title}: step {state.missing[0] + 1} is not prepared yet")
    story = state.story
    steps = [
        {"caption": s.caption, "link": s.link, "sweep": s.sweep, "show": s.show}
        for s in story.steps
    ]
    header = {"title": story.title, "idle": story.idle, "steps": steps}
    return pack(header, {f"step@{i}": file.read_bytes() for i, file in enumerate(state.files)})


def _open(number: int, step: Step) -> tuple[DataSet, Classifier, Case]:
    from radar_core.data import open_data
    from radar_core.models import load_model

    try:
        data = open_data(step.spec.data)
        return data, load_model(step.spec.model), find_case(step.spec, data)
    except RadarError as error:
        raise BadStory(f"step {number}: {error}") from None


def _file(step: Step, data: DataSet, model: Classifier, case: Case) -> Path:
    """Named by all that its numbers come from."""
    parts = (
        *(FORMAT, versions()["radar"], step.spec.key(), step.sweep),
        *(model.sha256(), case.sha256, data.name),
    )
    digest = hashlib.sha256(repr(parts).encode()).hexdigest()[:24]
    return settings().prepared_path / f"{digest}.case"


def _computed(
    step: Step, data: DataSet, model: Classifier, case: Case, progress: Progress
) -> bytes:
    """A step with its noise floor and every ε."""
    from radar_core.attacks import ATTACKS
    from radar_core.explainers import EXPLAINERS

    spec = step.spec
    own: dict[str, Any] = {"data": data, "model": model}
    cheap = tuple(
        id
        for id in spec.explainers
        if step.sweep or EXPLAINERS.create(id, **spec.parameters_of(id)).cost.forward <= CHEAP
    )
    *_, result = run_case(spec, case=case, progress=progress.part(0, 0.5), **own)
    # What is shown is what the model saw; the original may be fifty megapixels.
    result = replace(result, case=replace(result.case, image=result.clean))
    floor: Any = None
    attack = result.attack
    if attack is not None and cheap and (attack.linf[0] if attack.norm == "linf" else attack.l2[0]):
        part, ids = progress.part(0.5, 0.7), [id for id in cheap if id in result.scores]
        if ids:
            *_, floor = run_floor(result, explainers=ids, progress=part, **own)
    curve = None
    if ATTACKS[spec.attack].placing != "own":
        part = progress.part(0.7, 1)
        for stage in run_curve(replace(spec, explainers=cheap), case=case, progress=part, **own):
            curve = curve_view(stage, curve)
    return composed(case_view(result), curve, floor)
