"""Image files in a folder: what lies there, and the data set made of it."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from radar_core.data.base import DataSet, Problem
from radar_core.data.images import SUFFIXES, image_size, read_image, read_mask, shown
from radar_core.errors import BadData, BadImage
from radar_core.types import Entry

MOST_FILES = 200_000  # beyond that it is not a data set's folder but a disk
SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}


@dataclass(frozen=True)
class Files:
    """What lies in a folder and below, by path relative to it (with `/`), in order.

    Attributes:
        root: the folder, absolute, links resolved.
        images, masks: path → size in bytes; masks lie in a folder called so.
        tables: the CSV files of the folder itself.
        stamps: every folder and CSV file seen → its time of change.
    """

    root: str
    images: Mapping[str, int]
    masks: Mapping[str, int]
    tables: Sequence[str]
    stamps: Mapping[str, int]

    def path(self, relative: str) -> str:
        """The absolute path of a file."""
        return f"{self.root}/{relative}"  # for 10,000 of them, Path is slow

    def unchanged(self) -> bool:
        """Whether no file was added or taken away since, and no CSV file changed."""
        try:
            return all(Path(f).stat().st_mtime_ns == time for f, time in self.stamps.items())
        except OSError:
            return False

    @cached_property
    def pairs(self) -> Mapping[str, str]:
        """Image → mask: the same name, in a mask folder above or beside.

        A mask is paired where its own folders (the mask folder aside) lie on the way to exactly
        one image of its name, so that `masks/nv/1.png` is not taken for `mel/1.jpg`.
        """
        by_stem: defaultdict[str, list[str]] = defaultdict(list)
        for path in self.images:
            by_stem[stem(path)].append(path)
        pairs: dict[str, str] = {}
        for mask in self.masks:
            name = stem(mask).removesuffix("_segmentation").removesuffix("_mask")
            folders = mask.split("/")[:-1]
            fitting = [
                image
                for image in by_stem.get(name, ())
                if any(
                    _on_the_way(folders[:i] + folders[i + 1 :], image.split("/")[:-1])
                    for i in range(len(folders))
                )
            ]
            if len(fitting) == 1:
                pairs.setdefault(fitting[0], mask)
        return pairs


def scan(root: str) -> Files:
    """List a folder and all below it once, opening no file.

    Hidden files and folders are passed over; links are followed, each folder once.

    Raises:
        BadData: the folder cannot be read, or holds over `MOST_FILES` files.
    """
    images: dict[str, int] = {}
    masks: dict[str, int] = {}
    tables: list[str] = []
    stamps: dict[str, int] = {}
    seen: set[tuple[int, int]] = set()
    waiting = [("", False)]
    count = 0
    while waiting:
        folder, is_mask = waiting.pop()
        place = Path(root, folder)
        try:
            here = place.stat()
            if (here.st_dev, here.st_ino) in seen:
                continue
            seen.add((here.st_dev, here.st_ino))
            stamps[str(place)] = here.st_mtime_ns
            with os.scandir(place) as listing:
                inside = list(listing)
        except OSError as error:
            raise BadData(
                f"the folder {shown(str(place))} cannot be read ({error.strerror}); "
                "check its permissions"
            ) from None
        count += len(inside)
        if count > MOST_FILES:
            raise BadData(
                f"{shown(root)} holds over {MOST_FILES:,} files; name the data set's own folder"
            )
        for item in inside:
            if item.name.startswith((".", "__MACOSX")):
                continue
            relative = f"{folder}/{item.name}" if folder else item.name
            if item.is_dir():
                name = item.name.lower()
                mask_folder = name in ("mask", "masks") or "segmentation" in name
                waiting.append((relative, is_mask or mask_folder))
                continue
            suffix = "." + item.name.rpartition(".")[2].lower()
            if suffix == ".csv" and not folder:
                tables.append(item.name)
                stamps[str(place / item.name)] = item.stat().st_mtime_ns
            elif suffix in SUFFIXES:
                (masks if is_mask else images)[relative] = _size(item)
    return Files(
        root, dict(sorted(images.items())), dict(sorted(masks.items())), sorted(tables), stamps
    )


def _size(item: os.DirEntry[str]) -> int:
    try:
        return item.stat().st_size
    except OSError:  # a link to nothing
        return -1


def unreadable(size: int) -> str | None:
    """Why a file of that size need not be opened; None where it may hold an image."""
    if size < 0:
        return "is a link to nothing"
    return "is empty (0 bytes)" if size == 0 else None


def stem(path: str) -> str:
    """A file's name without folder and image suffix; dots within an id stay."""
    name = path.rsplit("/", 1)[-1]
    base, dot, suffix = name.rpartition(".")
    return base if dot and f".{suffix.lower()}" in SUFFIXES else name


def _on_the_way(some: Sequence[str], way: Sequence[str]) -> bool:
    """Whether all of `some` occur in `way`, in order."""
    steps = iter(way)
    return all(step in steps for step in some)


class FileData(DataSet):
    """Images in files; the index is complete, a picture is read when asked for.

    Args:
        name: what `open_data` was given.
        files: what lies in the folder.
        entries: the readable ones; `problems` the others.
        labels_from: the CSV file that gave the labels; None for a folder per class.
    """

    def __init__(
        self,
        name: str,
        title: str,
        files: Files,
        entries: Sequence[Entry],
        problems: Sequence[Problem],
        *,
        labels_from: str | None = None,
    ) -> None:
        self.name, self.title, self.files = name, title, files
        self.entries: Sequence[Entry] = tuple(entries)
        self.problems = tuple(problems)
        self.labels_from = labels_from
        self.class_names = tuple(sorted({e.label for e in entries if e.label is not None}))
        self._whole = self.entries

    @property
    def found(self) -> str:
        splits = sorted({e.split for e in self.entries if e.split})
        said = f"{_count(len(self.entries), 'image')}, {_count(len(self.class_names), 'class')}"
        if len(splits) > 1:
            said += f", {len(splits)} splits"
        elif splits:
            said += f", {splits[0]} split only"
        bare = sum(e.mask is None for e in self.entries)
        if 0 < bare < len(self.entries):
            said += f"; {bare:,} {'has' if bare == 1 else 'have'} no mask"
        elif not bare:
            said += ", each with a mask"
        if self.problems:
            said += f"; {len(self.problems):,} skipped"
        if self.labels_from:
            said += f"; labels from {shown(self.labels_from)}"
        return said

    def split(self, name: str) -> FileData:
        wanted = SPLIT_NAMES.get(name.strip().lower(), name.strip().lower())
        entries = [e for e in self._whole if e.split == wanted]
        if not entries:
            has = sorted({e.split for e in self._whole if e.split})
            raise BadData(f"{self.name} has no split {name!r}; it has {', '.join(has) or 'none'}")
        part = FileData(
            self.name, self.title, self.files, entries, self.problems, labels_from=self.labels_from
        )
        part.class_names, part._whole = self.class_names, self._whole
        return part

    def pixels(self, entry: Entry) -> NDArray[np.uint8]:
        return read_image(entry.source)

    def preview(self, entry: Entry, side: int) -> NDArray[np.uint8]:
        return read_image(entry.source, about=side)

    def masks(self, entry: Entry) -> tuple[NDArray[np.bool_] | None, None]:
        """The lesion mask at the image's size; one stored at another resolution is resized.

        Raises:
            BadImage: unreadable, or of another shape than its image.
        """
        if entry.mask is None:
            return None, None
        mask = read_mask(entry.mask)
        height, width = image_size(entry.source)
        if mask.shape == (height, width):
            return mask, None
        if abs(mask.shape[0] / mask.shape[1] * width / height - 1) > 0.02:
            raise BadImage(
                f"the mask of {shown(entry.id)} is {mask.shape[1]}×{mask.shape[0]}, its image "
                f"{width}×{height}; mend the mask, or take it away"
            )
        resized = Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST)
        return np.array(resized), None


def _count(number: int, noun: str) -> str:
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"
