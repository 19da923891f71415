"""A data set in `.npy` arrays, as MedMNIST's: read an image at a time, nothing is held.

A folder with `{train,val,test}_images.npy` (n, s, s) or (n, s, s, 3) of 8 bits,
`{train,val,test}_labels.npy` (n,) or (n, 1) of whole numbers, and a `source.json` whose `classes`
names the labels in order.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radar_core.data.base import DataSet
from radar_core.data.files import SPLIT_NAMES
from radar_core.data.images import MAX_SIDE, MIN_SIDE, shown
from radar_core.errors import BadData, BadImage
from radar_core.types import Entry

SPLITS = ("train", "val", "test")
MEMBERS = tuple(f"{split}_{what}.npy" for split in SPLITS for what in ("images", "labels"))


@dataclass(frozen=True)
class Block:
    """The images of one split: where they lie in a file, and their shape."""

    path: Path
    offset: int
    count: int
    shape: tuple[int, ...]

    def read(self, index: int) -> NDArray[np.uint8]:
        """One image, (h, w, 3)."""
        size = int(np.prod(self.shape))
        try:
            values = np.fromfile(self.path, np.uint8, size, offset=self.offset + index * size)
            image = values.reshape(self.shape)
        except (OSError, ValueError):
            raise BadImage(
                f"image {index} of {self.path.name} cannot be read; fetch the set again"
            ) from None
        return np.dstack([image] * 3) if image.ndim == 2 else image


class ArrayData(DataSet):
    """A set in arrays; `open_arrays` makes one of a folder."""

    def __init__(
        self, name: str, title: str, blocks: dict[str, Block], entries: Sequence[Entry]
    ) -> None:
        self.name, self.title, self.blocks = name, title, blocks
        self.entries: Sequence[Entry] = entries
        self.class_names = tuple(sorted({e.label for e in entries if e.label is not None}))
        self._whole = entries

    @property
    def found(self) -> str:
        splits = {e.split for e in self.entries}
        sides = "×".join(str(side) for side in next(iter(self.blocks.values())).shape[1::-1])
        said = f"{len(splits)} splits" if len(splits) > 1 else f"{'/'.join(map(str, splits))} split"
        return (
            f"{len(self.entries):,} images of {sides} pixels, {len(self.class_names)} classes, "
            f"{said}"
        )

    def split(self, name: str) -> ArrayData:
        wanted = SPLIT_NAMES.get(name.strip().lower(), name.strip().lower())
        entries = tuple(e for e in self._whole if e.split == wanted)
        if not entries:
            raise BadData(f"{self.name} has no split {name!r}; it has {', '.join(self.blocks)}")
        part = ArrayData(self.name, self.title, self.blocks, entries)
        part.class_names, part._whole = self.class_names, self._whole
        return part

    def pixels(self, entry: Entry) -> NDArray[np.uint8]:
        split, _, index = entry.id.rpartition("-")
        return self.blocks[split].read(int(index))

    def masks(self, entry: Entry) -> tuple[None, None]:
        return None, None


def is_arrays(folder: Path) -> bool:
    """Whether a folder looks like a set in arrays."""
    return (folder / MEMBERS[0]).is_file()


def open_arrays(name: str, folder: Path) -> ArrayData:
    """The set in a folder of arrays, all splits together.

    Raises:
        BadData: arrays of another form, or no names for their labels.
    """
    files = [folder / member for member in (*MEMBERS, "source.json")]
    return _open(name, folder, tuple(f.stat().st_mtime_ns if f.is_file() else 0 for f in files))


@lru_cache(maxsize=4)
def _open(name: str, folder: Path, stamps: tuple[int, ...]) -> ArrayData:
    title, classes = _names(folder)
    blocks, labels = check_arrays(folder)
    entries = []
    for split, values in labels.items():
        low, high = int(values.min()), int(values.max())
        if low < 0 or high >= len(classes):
            raise BadData(
                f"{shown(name)} has labels from {low} to {high} and {len(classes)} names of "
                "classes; fetch the set again"
            )
        for index, label in enumerate(values.tolist()):
            id = f"{split}-{index:06d}"
            entries.append(Entry(id, classes[label], split, id))
    data = ArrayData(name, title, blocks, tuple(entries))
    if len(data.class_names) < 2:
        raise BadData(f"{shown(name)} has one class, and two are needed")
    return data


def check_arrays(folder: Path) -> tuple[dict[str, Block], dict[str, NDArray[np.int64]]]:
    """Images and labels of each split, after their shapes and kinds were checked.

    Raises:
        BadData: a file that is missing, no array of numbers, or of another form.
    """
    blocks, labels = {}, {}
    for split in SPLITS:
        images = _load(folder / f"{split}_images.npy")
        marks = _load(folder / f"{split}_labels.npy")
        shape = images.shape[1:]
        fits = images.dtype == np.uint8 and images.flags.c_contiguous and len(images) > 0
        fits = fits and len(shape) in (2, 3) and shape[2:] in ((), (3,))
        if not fits or not all(MIN_SIDE <= side <= MAX_SIDE for side in shape[:2]):
            raise BadData(
                f"{split}_images.npy holds {images.dtype} of shape {images.shape}, and images of "
                "8 bits, (n, s, s) or (n, s, s, 3), are needed"
            )
        if marks.dtype.kind not in "iu" or marks.size != len(images):
            raise BadData(
                f"{split}_labels.npy holds {marks.dtype} of shape {marks.shape}, and one whole "
                f"number for each of the {len(images):,} images is needed"
            )
        offset = int(images.offset)
        blocks[split] = Block(folder / f"{split}_images.npy", offset, len(images), shape)
        labels[split] = np.array(marks, np.int64).reshape(-1)
    return blocks, labels


def _load(path: Path) -> np.memmap[Any, np.dtype[Any]]:
    """An array mapped from its file; nothing in it can run, and no size is believed."""
    try:
        found: np.memmap[Any, np.dtype[Any]] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        why = "is missing" if not path.is_file() else f"is no array of numbers ({error})"
        raise BadData(f"{path.name} {shown(why)}; fetch the set again") from None
    return found


def _names(folder: Path) -> tuple[str, tuple[str, ...]]:
    """Title and names of classes."""
    try:
        said = json.loads((folder / "source.json").read_text(encoding="utf-8"))
        classes = tuple(shown(str(label)) for label in said["classes"])
        return str(said.get("title") or folder.name), classes
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise BadData(
            f"{shown(str(folder))} needs a source.json with a list of classes, in the order of "
            "its labels"
        ) from None
