"""What an experiment keeps beside its numbers: attacked images and maps, lossless; features."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

    from radar_core.experiments.cells import Cell


def safe(name: str) -> str:
    """A part of a file's name; what a name cannot hold is replaced, and told apart by its hash."""
    from radar_core.experiments.cells import digest

    plain = re.sub(r"[^A-Za-z0-9.+=-]+", "_", name)[:60].strip("._") or "_"
    return plain if plain == name else f"{plain}-{digest(name)[:8]}"


def place(cell: Cell, image: str) -> str:
    """The folder of an image's files."""
    return f"{safe(cell.model)}/{safe(cell.attack)}/{safe(image)}"


def kept_images(
    cell: Cell, image: str, clean: Tensor, attacked: Mapping[str, Tensor]
) -> dict[str, bytes]:
    """The clean and the attacked images (3, s, s) of one image, as the specification keeps them."""
    from radar_core.pictures import to_pixels
    from radar_core.view.blob import png

    where = f"arrays/{place(cell, image)}"
    images = {"clean": clean, **{safe(eps): each for eps, each in attacked.items()}}
    if cell.spec.keep == "png":
        return {f"{where}/{n}.png": png(to_pixels(each.numpy())) for n, each in images.items()}
    return {f"{where}/images.npz": _npz({n: each.numpy() for n, each in images.items()})}


def kept_maps(
    cell: Cell, image: str, explainer: str, eps: Sequence[str], maps: Tensor
) -> dict[str, bytes]:
    """The maps (1 + ε, s, s) of one image by one explainer, the clean one first, as raw values."""
    names = ["clean", *(safe(each) for each in eps)]
    arrays = {name: each.numpy() for name, each in zip(names, maps, strict=True)}
    return {f"arrays/{place(cell, image)}/{safe(explainer)}.npz": _npz(arrays)}


def kept_features(
    cell: Cell, images: Sequence[str], values: Mapping[str, Tensor]
) -> dict[str, bytes]:
    """The penultimate features (n, f) of a cell's images: `clean`, and at each ε.

    Beside them stand `images`, `model`, `attack`, `axis`: the names of the arrays before they were
    made safe (`clean`, `1/255`, …), in their order, and `parts`: the key of the outcome at each,
    empty where this cell did not find it.
    """
    keys = {part.eps: part.key for part in cell.parts if part.outcome}
    arrays: dict[str, Any] = {safe(name): each.numpy() for name, each in values.items()}
    arrays |= {"images": np.array(images), "axis": np.array(list(values))}
    arrays |= {"parts": np.array([keys.get(name, "") for name in values])}
    arrays |= {"model": np.array(cell.model), "attack": np.array(cell.attack)}
    return {f"features/{cell.name}.npz": _npz(arrays)}


def _npz(arrays: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()
