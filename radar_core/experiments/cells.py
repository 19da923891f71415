"""The cells of a grid: what is computed at once, and what each result is kept under."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from radar_core.errors import BadData
from radar_core.experiments.spec import ExperimentSpec
from radar_core.runtime import versions
from radar_core.settings import settings

if TYPE_CHECKING:
    from radar_core.data import DataSet
    from radar_core.types import Entry

FORMAT = 2  # of what is kept; another one is computed anew
ORDER = 46  # seed of the order of images
DECIDING = ("radar", "torch", "torchvision", "torchattacks", "numpy", "scikit-image")


@dataclass(frozen=True)
class Part:
    """The smallest result: one model, attack, ε and chunk, attacked; one explainer on that, or
    another model.

    Attributes:
        key: content hash of all that decides it.
        explainer: empty for what the attack did.
        tried_on: the other model that the attacked images are shown to, and its content hash.
    """

    key: str
    eps: str
    explainer: str = ""
    tried_on: tuple[str, str] | None = None

    @property
    def outcome(self) -> bool:
        """Whether it is what the attack did to the model it was made for."""
        return not self.explainer and self.tried_on is None


@dataclass(frozen=True)
class Cell:
    """A task: an attack of one model, at all ε asked for, on a chunk of images, explained.

    Attributes:
        images: ids of the chunk.
        parts: what is to be found; others are known already.
    """

    spec: ExperimentSpec
    model: str
    model_sha256: str
    attack: str
    images: tuple[str, ...]
    parts: tuple[Part, ...]

    @property
    def name(self) -> str:
        """Content hash of what it finds."""
        return digest([part.key for part in self.parts])

    def said(self) -> str:
        """What it is, for people."""
        return f"{self.model}, {self.attack}, {self.images[0]} to {self.images[-1]}"


@dataclass(frozen=True)
class Grid:
    """All of an experiment.

    Attributes:
        images: the entries taken, in order. parts: keys of all results.
    """

    spec: ExperimentSpec
    models: Mapping[str, str]
    images: tuple[Entry, ...]
    cells: tuple[Cell, ...]
    parts: frozenset[str]

    def missing(self, known: Collection[str]) -> Iterator[Cell]:
        """The cells whose results are not all known, each with what is missing."""
        from dataclasses import replace

        for cell in self.cells:
            parts = tuple(part for part in cell.parts if part.key not in known)
            if parts:
                yield replace(cell, parts=parts)


def digest(value: object) -> str:
    """24 hexadecimal digits of a plain value's content hash."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def chosen(spec: ExperimentSpec, data: DataSet) -> tuple[Entry, ...]:
    """The images of an experiment: classes in turn, so that fewer are the first of more.

    Raises:
        BadData: none.
    """
    from radar_core.data.sampling import in_turn

    found = tuple(in_turn(data, ORDER)[: spec.images])
    if not found:
        raise BadData(f"{data.name} holds no image; name a split or a folder that does")
    return found


def fingerprint(data: DataSet, entry: Entry) -> str:
    """What tells one picture from another: of a file its bytes, else its pixels.

    An image that cannot be read is told by its name; the cell says what is wrong with it.
    """
    from radar_core.data.base import pixels_sha256
    from radar_core.errors import BadImage

    if entry.source.startswith("phantom:"):
        return entry.source
    path = Path(entry.source)
    try:
        if path.is_file():
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        return pixels_sha256(data.pixels(entry))
    except (OSError, BadImage):
        return f"unreadable {entry.id}"


def grid(spec: ExperimentSpec, models: Mapping[str, str], data: DataSet) -> Grid:
    """Lay out an experiment.

    Args:
        models: name → content hash, in the order of the specification.
        data: opened as the specification names it.
    """
    from radar_core.explainers import EXPLAINERS

    images = chosen(spec, data)
    found = versions()
    deciding = [settings().precision, *(found.get(name, "") for name in DECIDING)]
    universal = digest([entry.id for entry in images])
    cells = []
    prints = [fingerprint(data, entry) for entry in images]
    for start in range(0, len(images), spec.chunk):
        entries = images[start : start + spec.chunk]
        chunk = [(e.id, e.label, p) for e, p in zip(entries, prints[start:], strict=False)]
        for model in spec.models:
            for attack in spec.attacks:
                about = [FORMAT, deciding, models[model], chunk, spec.seed, attack]
                about += [_parameters(spec, attack), spec.keep, spec.features]
                about += [[data.name, spec.split, universal]] if _is_universal(attack) else []
                parts = []
                for eps in spec.frames(attack):
                    parts.append(Part(digest([*about, eps]), eps))
                    for explainer in spec.explainers:
                        more = [explainer, _parameters(spec, explainer), spec.controls]
                        if EXPLAINERS[explainer].needs_background:
                            more += [data.name, spec.split]
                        parts.append(Part(digest([*about, eps, *more]), eps, explainer))
                    for other in spec.models if spec.transfer else ():
                        if other != model:
                            key = digest([*about, eps, "on", models[other]])
                            parts.append(Part(key, eps, tried_on=(other, models[other])))
                ids = tuple(entry.id for entry in entries)
                cells.append(Cell(spec, model, models[model], attack, ids, tuple(parts)))
    keys = frozenset(part.key for cell in cells for part in cell.parts)
    return Grid(spec, models, images, tuple(cells), keys)


def _parameters(spec: ExperimentSpec, method: str) -> Sequence[tuple[str, str]]:
    return sorted((name, str(value)) for name, value in spec.parameters_of(method).items())


def _is_universal(attack: str) -> bool:
    from radar_core.attacks import ATTACKS

    return ATTACKS[attack].family == "universal"
