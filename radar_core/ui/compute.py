"""What the jobs of the pages do: a case, the readings of a set, thumbnails. No Streamlit here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from radar_core.errors import BadImage, BadParameter
from radar_core.runtime import Progress

if TYPE_CHECKING:
    from radar_core.case import CaseResult, CaseSpec, Defended, FloorResult
    from radar_core.data import DataSet
    from radar_core.evaluation import Evaluation
    from radar_core.sanity import SanityReport
    from radar_core.types import Case, Entry
    from radar_core.ui.jobs import Steps
    from radar_core.view.frames import CurveView
    from radar_core.view.panels import CaseView

READ_AT_ONCE = 8


@dataclass(frozen=True)
class Upload:
    """An image a visitor gave: its bytes as they came, never written to disk.

    Attributes:
        sha256: of the bytes and the frame.
        frame: the one that was chosen of a DICOM file with several, from 1.
    """

    name: str
    data: bytes
    sha256: str
    frame: int | None = None

    @classmethod
    def of(cls, name: str, data: bytes, frame: int | None = None) -> Upload:
        """With its hash."""
        mark = f"#{frame}".encode() if frame else b""
        return cls(name, data, hashlib.sha256(data + mark).hexdigest(), frame)


def data_names() -> list[str]:
    """The data sets that this installation offers; a link cannot name any other."""
    from radar_core.data.library import offered

    return [one.name for one in offered()]


def reopen() -> None:
    """Look at every data set anew, where one was added, fetched or removed."""
    _open.cache_clear()
    training_data.cache_clear()


@lru_cache(maxsize=8)
def _open(name: str) -> DataSet:
    from radar_core.data import open_data

    return open_data(name)


def open_offered(name: str) -> DataSet:
    """An offered data set, indexed once.

    Raises:
        BadParameter: it is not offered here.
        BadData: it cannot be used.
    """
    if name not in data_names():
        raise BadParameter(
            f"this installation does not offer the data {name!r}; "
            "add or fetch it on the page Library"
        )
    return _open(name)


def case_steps(spec: CaseSpec, upload: Upload | None = None) -> Steps:
    """A case, yielding a `CaseView` after each stage."""

    def steps(progress: Progress) -> Iterator[CaseView]:
        from radar_core.case import run_case
        from radar_core.models.store import load_model
        from radar_core.view.panels import case_view

        data, case = _image(spec, upload)
        for result in run_case(
            spec, data=data, model=load_model(spec.model), case=case, progress=progress
        ):
            # The original may be fifty megapixels; what is kept is what the model saw.
            yield case_view(replace(result, case=replace(result.case, image=result.clean)))

    return steps


def curve_steps(spec: CaseSpec, upload: Upload | None = None, begin: str = "") -> Steps:
    """A case at every ε, from `begin` outward, yielding a `CurveView` after each stage."""

    def steps(progress: Progress) -> Iterator[CurveView]:
        from radar_core.case import run_curve
        from radar_core.models.store import load_model
        from radar_core.view.frames import curve_view

        data, case = _image(spec, upload)
        model, view, last = load_model(spec.model), None, None
        for result in run_curve(
            spec, data=data, model=model, case=case, begin=begin, progress=progress
        ):
            if view is None or result is not last:
                kept = replace(result, case=replace(result.case, image=result.one.clean[0]))
                view, last = curve_view(kept, view), result
            yield view

    return steps


def floor_steps(
    result: CaseResult, explainers: Sequence[str], upload: Upload | None = None
) -> Steps:
    """The noise floor of some maps of a finished case, yielding a `FloorResult` as it grows."""

    def steps(progress: Progress) -> Iterator[FloorResult]:
        from radar_core.case import run_floor
        from radar_core.models.store import load_model

        data, _ = _image(result.spec, upload)
        model = load_model(result.spec.model)
        yield from run_floor(
            result, data=data, model=model, explainers=explainers, progress=progress
        )

    return steps


def defence_steps(result: CaseResult) -> Steps:
    """What cheap defences make of a finished case, yielding the rows as they come."""

    def steps(progress: Progress) -> Iterator[tuple[Defended, ...]]:
        from radar_core.case import run_defences
        from radar_core.models.matching import hardened_of
        from radar_core.models.store import list_models, load_model

        model = load_model(result.spec.model)
        hardened = [load_model(name) for name in hardened_of(result.spec.model, list_models())]
        yield from run_defences(result, model, hardened=hardened, progress=progress)

    return steps


def sanity_steps(data_name: str, model_name: str, images: int, seed: int) -> Steps:
    """The sanity lights of a model on a set, yielding a `SanityReport` after each attack."""

    def steps(progress: Progress) -> Iterator[SanityReport]:
        from radar_core.models.store import load_model
        from radar_core.sanity import run_sanity

        data, model = open_offered(data_name), load_model(model_name)
        yield from run_sanity(data, model, images=images, seed=seed, progress=progress)

    return steps


def split_names(data_name: str) -> list[str]:
    """The splits that an offered data set has, `all` where it has none.

    Raises:
        BadData: it cannot be used.
    """
    if data_name == "phantom":
        from radar_core.data.synthetic import SPLITS

        return list(SPLITS)
    from radar_core.data.parts import in_order

    return in_order({entry.split for entry in open_offered(data_name).entries}) or ["all"]


@lru_cache(maxsize=8)
def training_data(data_name: str) -> str:
    """What a training on an offered data set reads: images, classes and splits, in one line.

    Raises:
        BadData: it cannot be trained on.
    """
    from radar_core.training.plan import split_up

    split, how = split_up(open_offered(data_name))
    train, val, test = (len(split.split(name)) for name in ("train", "val", "test"))
    return (
        f"{train + val + test:,} images of {len(split.class_names)} classes: {train:,} to train "
        f"on, {val:,} to choose the epoch by, {test:,} to test once; {how}"
    )


def evaluation_steps(data_name: str, split: str, model_name: str) -> Steps:
    """The evaluation of a model on a split; None until the whole of it has been read."""

    def steps(progress: Progress) -> Iterator[Evaluation | None]:
        from radar_core.evaluation import evaluating
        from radar_core.models.store import load_model

        data = open_offered(data_name)
        part = data if split == "all" else data.split(split)
        yield from evaluating(load_model(model_name), part, progress=progress)

    return steps


def _image(spec: CaseSpec, upload: Upload | None) -> tuple[DataSet | None, Case | None]:
    """The data set of a case; for an upload, the case itself."""
    from radar_core.data.base import make_case
    from radar_core.data.images import decode

    if upload is None:
        return open_offered(spec.data), None
    pixels = decode(upload.data, upload.name, frame=upload.frame)
    return None, make_case(upload.name, pixels, source="upload")


@dataclass(eq=False)
class Readings:
    """What a model reads in each image of a set, filled as it goes on.

    Attributes:
        labels: id → class read.
        total: images in the set.
        unreadable: images that could not be read.
    """

    total: int
    labels: dict[str, str] = field(default_factory=dict)
    unreadable: int = 0

    @property
    def done(self) -> int:
        """Images looked at."""
        return len(self.labels) + self.unreadable


def reading_steps(data_name: str, model_name: str) -> Steps:
    """The readings of a whole set, a few images a step so that visitors' cases go first."""

    def steps(progress: Progress) -> Iterator[Readings]:
        import torch

        from radar_core.models.store import load_model

        data, model = open_offered(data_name), load_model(model_name)
        readings = Readings(len(data))
        for i in range(0, len(data), READ_AT_ONCE):
            progress.step(i / len(data), f"{i:,} of {len(data):,} images read")
            images, ids = [], []
            for entry in data.entries[i : i + READ_AT_ONCE]:
                try:
                    images.append(model.prepare(data.case(entry).image))
                    ids.append(entry.id)
                except BadImage:
                    readings.unreadable += 1
            if images:
                read = model.read(torch.cat(images))
                readings.labels.update(zip(ids, (r.label for r in read), strict=True))
            yield readings

    return steps


def thumbnail_steps(data_name: str, ids: Sequence[str], side: int) -> Steps:
    """Thumbnails of a few images, yielding what there is after each."""

    def steps(progress: Progress) -> Iterator[Thumbnails]:
        from radar_core.data.thumbnails import thumbnail

        data = open_offered(data_name)
        made = Thumbnails()
        for i, id in enumerate(ids):
            progress.step(i / len(ids))
            try:
                made = Thumbnails({**made.pictures, id: thumbnail(data, data.find(id), side)})
            except BadImage:
                continue
            yield made

    return steps


@dataclass(frozen=True, eq=False)
class Thumbnails:
    """Encoded thumbnails by id."""

    pictures: dict[str, bytes] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Memory held."""
        return sum(map(len, self.pictures.values()))


def chosen(data: DataSet, label: str, right: str, readings: Readings | None) -> Sequence[Entry]:
    """The entries of a class (or `all`) that were read right or wrong (or `any`)."""
    entries: Sequence[Entry] = data.entries
    if label != "all":
        entries = [e for e in entries if e.label == label]
    if right != "any":
        labels = dict(readings.labels) if readings else {}
        entries = [
            e for e in entries if e.id in labels and (labels[e.id] == e.label) == (right == "right")
        ]
    return entries


def find_index(entries: Sequence[Entry], id: str) -> int | None:
    """Where an id stands among some entries."""
    return next((i for i, e in enumerate(entries) if e.id == id), None)
