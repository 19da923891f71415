"""What the page Embedding computes in the background, and gives its component. No Streamlit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from radar_core.errors import RadarError
from radar_core.experiments.embedding import Points, features_of, load
from radar_core.experiments.plane import AT_MOST, METHODS, embed
from radar_core.experiments.spec import ExperimentSpec
from radar_core.experiments.store import ExperimentStore
from radar_core.runtime import Progress
from radar_core.ui.compute import open_offered
from radar_core.view.blob import pack

if TYPE_CHECKING:
    from pandas import DataFrame

    from radar_core.ui.jobs import Steps

SEED = 0
CODED = ("label", "reads", "attack", "eps", "status")
OUTCOMES = ("", "flipped", "held", "already wrong", "no-op")  # in the order of their colours


@dataclass(frozen=True, eq=False)
class Plane:
    """Points laid out.

    Attributes:
        place: (n, 2). said: what may be read from it, in sentences.
    """

    points: Points
    place: NDArray[np.float32]
    said: str

    @property
    def nbytes(self) -> int:
        """Memory held."""
        return self.points.nbytes + int(self.place.nbytes)


def with_features(where: Path) -> dict[str, ExperimentSpec]:
    """The experiments of a folder that have kept features, by the names of their folders."""
    found = {}
    for folder in sorted(where.iterdir()) if where.is_dir() else ():
        if next((folder / "features").glob("*.npz"), None) is None:
            continue
        try:
            found[folder.name] = ExperimentStore(folder).spec()
        except RadarError:
            continue
    return found


def kept_steps(store: ExperimentStore, model: str) -> Steps:
    """The points of an experiment."""

    def steps(progress: Progress) -> Iterator[Points]:
        progress.step(0, "reading the features")
        yield load(store, model)

    return steps


def made_steps(data: str, model: str, attack: str, eps: str, images: int) -> Steps:
    """The points of some images of an offered set, growing."""

    def steps(progress: Progress) -> Iterator[Points]:
        from radar_core.models.store import load_model

        yield from features_of(
            open_offered(data), load_model(model), attack, eps, images, seed=SEED, progress=progress
        )

    return steps


def plane_steps(points: Points, method: str) -> Steps:
    """The layout of points; of more than a method can take, of a sample that it names."""

    def steps(progress: Progress) -> Iterator[Plane]:
        progress.step(0, f"{METHODS[method]} of {len(points):,} points")
        some = points.sample(AT_MOST[method], SEED)
        place, said = embed(some.features, method, SEED, progress)
        if len(some) < len(points):
            said += (
                f" {METHODS[method]} shows {some.table.image.nunique():,} of "
                f"{points.table.image.nunique():,} images, drawn at random; PCA shows all."
            )
        yield Plane(some, place, said)

    return steps


def blob(plane: Plane, palette: Sequence[str]) -> bytes:
    """What the component is given: the places and codes of all points, and what the codes name."""
    table = plane.points.table
    names: dict[str, list[str]] = {}
    arrays: dict[str, NDArray[np.generic]] = {"xy": plane.place.astype("<f4")}
    for name in CODED:
        values = table[name].astype(str)
        names[name] = _order(name, table)
        codes = {value: code for code, value in enumerate(names[name])}
        arrays[name] = values.map(codes).to_numpy("<u2")
    pictures = list(dict.fromkeys(table["image"]))
    numbers = {image: number for number, image in enumerate(pictures)}
    arrays["image"] = table["image"].map(numbers).to_numpy("<i4")
    arrays["clean"] = table["clean"].to_numpy("<i4")
    header: Mapping[str, object] = {"names": names, "pictures": pictures, "palette": list(palette)}
    return pack(header, {name: array.tobytes() for name, array in arrays.items()})


def _order(name: str, table: DataFrame) -> list[str]:
    """The values of a column in the order that they are listed and coloured in."""
    from radar_core.epsilon import parse_epsilon

    found = set(table[name].astype(str))
    if name == "status":
        return [v for v in OUTCOMES if v in found] + sorted(found - set(OUTCOMES))
    if name != "eps":
        return sorted(found)

    def size(text: str) -> tuple[bool, float, str]:
        try:
            return True, parse_epsilon(text).value, text
        except RadarError:
            return False, 0.0, text

    return sorted(found, key=size)
