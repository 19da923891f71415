"""What every data set is: an index of entries, and cases read one at a time."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from radar_core.errors import NoSuchCase
from radar_core.types import Case, Entry

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Problem:
    """An entry that was skipped, by name, and why, in one sentence."""

    name: str
    why: str


class DataSet(ABC):
    """An index of entries in a fixed order; images are read when asked for and not held.

    Attributes:
        name: what `open_data` was given (`phantom` or a path).
        title: for people.
        entries: the index, of one split if one was asked for.
        class_names: sorted, over all splits.
        problems: what was skipped.
        synthetic: whether the images are made, not taken.
    """

    name: str
    title: str
    entries: Sequence[Entry]
    class_names: tuple[str, ...]
    problems: tuple[Problem, ...] = ()
    synthetic: bool = False

    @property
    @abstractmethod
    def found(self) -> str:
        """What was found, in one sentence."""

    @abstractmethod
    def pixels(self, entry: Entry) -> NDArray[np.uint8]:
        """The image of an entry, (h, w, 3) 8-bit RGB."""

    def preview(self, entry: Entry, side: int) -> NDArray[np.uint8]:
        """The image at the lowest resolution the source gives cheaply, each side ≥ `side`."""
        return self.pixels(entry)

    @abstractmethod
    def masks(self, entry: Entry) -> tuple[NDArray[np.bool_] | None, NDArray[np.bool_] | None]:
        """Lesion and evidence mask of an entry, (h, w) each, or None."""

    @abstractmethod
    def split(self, name: str) -> DataSet:
        """The same data set, one split of it (`train`, `val`, `test`).

        Raises:
            BadData: there is no such split.
        """

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> Case:
        """The case at an index.

        Raises:
            NoSuchCase: no such index.
            BadImage: the file cannot be read.
        """
        try:
            entry = self.entries[index]
        except IndexError:
            raise NoSuchCase(f"{self.name} has {len(self)} images, no index {index}") from None
        return self.case(entry)

    def __iter__(self) -> Iterator[Case]:
        return (self.case(entry) for entry in self.entries)

    def case(self, entry: Entry) -> Case:
        """The case of an entry, read now."""
        pixels = self.pixels(entry)
        lesion, evidence = self.masks(entry)
        return make_case(
            entry.id,
            pixels,
            label=entry.label,
            split=entry.split,
            source=entry.source,
            synthetic=self.synthetic,
            lesion=lesion,
            evidence=evidence,
        )

    def find(self, wanted: str) -> Entry:
        """The entry of an id, or of an index written as a number.

        Raises:
            NoSuchCase: neither.
        """
        for entry in self.entries:
            if entry.id == wanted:
                return entry
        if wanted.isdecimal() and int(wanted) < len(self):
            return self.entries[int(wanted)]
        example = self.entries[0].id if len(self) else "none"
        raise NoSuchCase(
            f"{self.name} has no image {wanted!r}; "
            f"give an index below {len(self)} or an id such as {example}"
        )


def make_case(
    id: str,
    pixels: NDArray[np.uint8],
    *,
    label: str | None = None,
    split: str | None = None,
    source: str,
    synthetic: bool = False,
    lesion: NDArray[np.bool_] | None = None,
    evidence: NDArray[np.bool_] | None = None,
) -> Case:
    """A case from 8-bit RGB pixels (h, w, 3) and masks (h, w)."""
    import torch

    image = to_image(pixels)

    def mask(values: NDArray[np.bool_] | None) -> Tensor | None:
        return None if values is None else torch.from_numpy(np.ascontiguousarray(values))

    digest = pixels_sha256(pixels)
    return Case(id, image, label, split, source, digest, synthetic, mask(lesion), mask(evidence))


def pixels_sha256(pixels: NDArray[np.uint8]) -> str:
    """Content hash of decoded pixels (h, w, 3): the picture's, however its file is written."""
    return hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()


def to_image(pixels: NDArray[np.uint8]) -> Tensor:
    """8-bit RGB pixels (h, w, 3) as a (3, h, w) float32 image in [0, 1]."""
    import torch

    # In place where it can be: an upload of fifty megapixels is 0.6 GB as floats.
    image = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)
    return image.to(torch.float32, memory_format=torch.contiguous_format).div_(255)
