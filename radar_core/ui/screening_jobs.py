"""What the page Screening computes in the background. No Streamlit here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radar_core.runtime import Progress
from radar_core.ui.compute import Upload, data_names, open_offered

if TYPE_CHECKING:
    from radar_core.case import CaseResult
    from radar_core.types import Case
    from radar_core.ui.jobs import Steps
    from radar_core.uncover.screening import Screening

SIDE = 224  # pixels of a picture of the page


@dataclass(frozen=True, eq=False)
class Screened:
    """A screened image with its pictures, as PNG.

    Attributes:
        pictures: `image`, `image map`, and the same of each squeezer by its name; `median evidence`
            and `image evidence` of SHAP. nearest: the clean images most like it, with their class.
        figures: how often screening was right on test images, where that was measured.
    """

    result: Screening
    name: str
    label: str | None
    pictures: dict[str, bytes]
    nearest: tuple[tuple[str, str, bytes], ...]
    figures: dict[str, Any] | None = None

    @property
    def nbytes(self) -> int:
        """What it holds."""
        return sum(map(len, self.pictures.values())) + sum(len(p) for _, _, p in self.nearest)


def screen_steps(data: str, image: str, model: str, upload: Upload | None) -> Steps:
    """Screen an image of an offered data set, or an upload; yields one `Screened`."""

    def steps(progress: Progress) -> Iterator[Screened]:
        from radar_core.detection.detector import load_detector, load_figures, place_of
        from radar_core.models.store import load_model
        from radar_core.uncover.screening import screen

        case = _case(data, image, upload)
        classifier, detector = load_model(model), load_detector(place_of(model))
        figures = load_figures(place_of(model), detector)
        result = screen(classifier, case.image, detector, progress=progress.part(0, 0.9))
        progress.step(0.9, "pictures")
        yield Screened(result, case.id, case.label, _pictures(result), _nearest(result), figures)

    return steps


@dataclass(frozen=True)
class Pair:
    """The clean and the attacked image of a case, each screened as if it stood alone.

    Attributes:
        said: whether screening would have noticed, in one sentence.
        rows: what it says of each, for a table.
    """

    said: str
    rows: tuple[dict[str, str], ...]


def pair_steps(result: CaseResult) -> Steps:
    """Screen the images of an attacked case; yields one `Pair`."""

    def steps(progress: Progress) -> Iterator[Pair]:
        from radar_core.detection.detector import load_detector, place_of
        from radar_core.models.store import load_model
        from radar_core.uncover.screening import noticed, screen

        assert result.attack is not None
        name = result.spec.model
        model, detector = load_model(name), load_detector(place_of(name))
        clean = screen(model, result.clean, detector, progress=progress.part(0, 0.5))
        image = result.attack.images[0]
        attacked = screen(model, image, detector, progress=progress.part(0.5, 1))
        rows = tuple(
            {
                "Image": title,
                "Called": one.verdict,
                "More suspicious than": f"{one.percentile:.0f}\u00a0% of clean images"
                if one.verdict != "cannot tell"
                else "–",
                "Raised most by": ", ".join(driver.title for driver in one.drivers)
                if one.verdict == "unusual"
                else "–",
            }
            for title, one in (("Clean", clean), ("Attacked", attacked))
        )
        yield Pair(noticed(clean, attacked), rows)

    return steps


@dataclass(frozen=True)
class Row:
    """An image of a set, screened.

    Attributes:
        why: why it could not be read; the rest is empty then.
    """

    id: str
    label: str = ""
    reading: str = ""
    probability: float = 0.0
    percentile: float = 0.0
    verdict: str = ""
    drivers: str = ""
    why: str = ""


def set_steps(data: str, count: int, model: str) -> Steps:
    """Screen images of an offered data set, classes in turn; yields all rows after each."""

    def steps(progress: Progress) -> Iterator[tuple[Row, ...]]:
        from radar_core.data.sampling import in_turn
        from radar_core.detection.detector import load_detector, place_of
        from radar_core.errors import BadImage
        from radar_core.models.store import load_model
        from radar_core.uncover.making import ORDER
        from radar_core.uncover.screening import screen

        found, rows = open_offered(data), []
        classifier, detector = load_model(model), load_detector(place_of(model))
        entries = in_turn(found, ORDER)[:count]
        for number, entry in enumerate(entries):
            progress.step(number / len(entries), f"image {number + 1} of {len(entries)}")
            here = progress.part(number / len(entries), (number + 1) / len(entries))
            try:
                case = found.case(entry)
            except BadImage as error:
                rows.append(Row(entry.id, entry.label or "", why=str(error)))
                yield tuple(rows)
                continue
            result = screen(classifier, case.image, detector, progress=here)
            rows.append(
                Row(
                    entry.id,
                    entry.label or "",
                    result.reading.label,
                    result.reading.probability,
                    result.percentile,
                    result.verdict,
                    ", ".join(driver.title for driver in result.drivers),
                )
            )
            yield tuple(rows)

    return steps


def make_steps(data: str, model: str) -> Steps:
    """Make the detector of a model and write it; yields its path."""

    def steps(progress: Progress) -> Iterator[str]:
        from radar_core.data.parts import with_splits
        from radar_core.detection.detector import place_of
        from radar_core.models.store import load_model
        from radar_core.uncover.making import make_detector

        split, _ = with_splits(open_offered(data))
        made = make_detector(split, load_model(model), progress=progress)
        path = place_of(model, write=True)
        made.save(path)
        yield str(path)

    return steps


def _case(data: str, image: str, upload: Upload | None) -> Case:
    from radar_core.data.base import make_case
    from radar_core.data.images import decode

    if upload is not None:
        pixels = decode(upload.data, upload.name, frame=upload.frame)
        return make_case(upload.name, pixels, source="upload")
    found = open_offered(data)
    return found.case(found.find(image))


def _pictures(result: Screening) -> dict[str, bytes]:
    import torch.nn.functional as F

    from radar_core.detection.views import SQUEEZERS
    from radar_core.pictures import overlay, own_scale, to_pixels
    from radar_core.view.blob import png

    def over(pixels: NDArray[np.float32], values: NDArray[np.float32], *, signed: bool) -> bytes:
        return png(overlay(pixels, values / np.float32(own_scale(values)), signed=signed))

    seen, image = result.seen, result.image[None]
    variants = {"image": image} | {name: squeeze(image) for name, squeeze in SQUEEZERS.items()}
    maps = {"image": seen.maps, **seen.map_views}
    evidence = {"image": seen.attributions, **seen.attribution_views}
    pictures = {}
    for name, each in variants.items():
        pixels = each[0].cpu().numpy()
        pictures[name] = png(to_pixels(pixels))
        if (grid := maps.get(name)) is not None:
            size = each.shape[-2:]
            values = F.interpolate(grid[:1, None], size=size, mode="bilinear")[0, 0].cpu().numpy()
            pictures[f"{name} map"] = over(pixels, values, signed=False)
        if (found := evidence.get(name)) is not None:
            pictures[f"{name} evidence"] = over(pixels, found[0].cpu().numpy(), signed=True)
    return pictures


def _nearest(result: Screening) -> tuple[tuple[str, str, bytes], ...]:
    """The clean images that the model finds most like it, where their data set is there."""
    from radar_core.data.parts import with_splits
    from radar_core.data.thumbnails import thumbnail
    from radar_core.errors import RadarError
    from radar_core.models.matching import same_data
    from radar_core.uncover.screening import nearest_clean

    about = result.detector.about
    if result.seen.features is None or "images" not in about:
        return ()
    try:
        name = next(n for n in data_names() if same_data(n, str(about["data"])))
        whole, _ = with_splits(open_offered(name))
        data = whole.split("train")
        found = []
        for place in nearest_clean(result.detector, result.seen.features):
            entry = data.find(about["images"][place])
            found.append((entry.id, entry.label or "", thumbnail(data, entry, SIDE)))
        return tuple(found)
    except (RadarError, StopIteration):
        return ()
