"""What the page Gallery computes in the background. No Streamlit here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from radar_core.errors import BadData
from radar_core.runtime import Progress
from radar_core.settings import settings
from radar_core.ui.compute import open_offered

if TYPE_CHECKING:
    from radar_core.data import DataSet
    from radar_core.survey import Survey
    from radar_core.ui.jobs import Steps

EVERY = "all"


def splits_of(data: DataSet) -> list[str]:
    """The splits to choose from: none where all images are of one, or of no split."""
    from radar_core.data.parts import in_order

    found = {entry.split for entry in data.entries}
    return [EVERY, *in_order(found)] if len(found) > 1 else []


def part_of(data: DataSet, split: str) -> DataSet:
    """One split of a set, or all of it.

    Raises:
        BadData: there is no such split.
    """
    return data if split in ("", EVERY) else data.split(split)


def survey_key(data: str, split: str, model: str, *, compute: bool) -> str:
    """What a survey's job is known by."""
    digest = hashlib.sha256("\0".join((data, split, model)).encode()).hexdigest()[:20]
    return f"survey:{digest}" if compute else f"surveyed:{digest}"


def survey_steps(data_name: str, split: str, model_name: str, *, compute: bool) -> Steps:
    """The survey of a set, or only what is known of it, yielding a `Survey` as it grows."""

    def steps(progress: Progress) -> Iterator[Survey]:
        from radar_core.models.store import load_model
        from radar_core.survey import SurveyStore, run_survey

        data = part_of(open_offered(data_name), split)
        if not len(data):
            raise BadData(f"{data_name} holds no image in the split {split!r}; choose another")
        yield from run_survey(
            data,
            load_model(model_name),
            store=SurveyStore(settings().surveys_path),
            compute=compute,
            progress=progress,
        )

    return steps
