"""The offline default: cases drawn by the procedural dermoscopy phantom."""

from __future__ import annotations

import threading
from collections import OrderedDict
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from radar_core.data.base import DataSet
from radar_core.data.phantom import CLASSES, Rendering, label_of, render
from radar_core.errors import BadData
from radar_core.types import Entry

SPLITS = {"train": (1, 7000), "val": (2, 1400), "test": (3, 1400)}  # name: (seed, cases)
PREVIEW = 128  # pixels a side: the least the renderer draws; asked for less, it shrinks its drawing
KEEP = 64  # renderings kept: a page shows a case again and again


class PhantomData(DataSet):
    """One split of the phantom. Splits have seeds of their own, so no case stands in two.

    Args:
        split: `train`, `val` or `test`.
        side: of the square images in pixels.
    """

    name = "phantom"
    title = "Phantom (synthetic)"
    class_names = CLASSES
    synthetic = True

    def __init__(self, split: str = "test", side: int = 224) -> None:
        if split not in SPLITS:
            raise BadData(f"the phantom has the splits {', '.join(SPLITS)}, not {split!r}")
        self.split_name, self.side = split, side
        self._kept: OrderedDict[int, Rendering] = OrderedDict()
        self._lock = threading.Lock()

    @cached_property
    def entries(self) -> tuple[Entry, ...]:  # type: ignore[override]  # drawn up when asked for
        seed, count = SPLITS[self.split_name]
        return tuple(
            Entry(
                f"phantom-{self.split_name}-{index:04d}",
                label_of(seed, index),
                self.split_name,
                f"phantom:{seed}/{index}",
            )
            for index in range(count)
        )

    @property
    def found(self) -> str:
        return (
            f"{len(self.entries):,} synthetic images, {len(CLASSES)} classes "
            f"({self.split_name} split), each with lesion and evidence mask"
        )

    def split(self, name: str) -> PhantomData:
        return PhantomData(name, self.side)

    def _rendering(self, entry: Entry) -> Rendering:
        seed, index = _seed_and_index(entry)
        with self._lock:
            if index in self._kept:
                self._kept.move_to_end(index)
                return self._kept[index]
        drawn = render(seed, index, self.side)
        with self._lock:
            self._kept[index] = drawn
            while len(self._kept) > KEEP:
                self._kept.popitem(last=False)
        return drawn

    def pixels(self, entry: Entry) -> NDArray[np.uint8]:
        return self._rendering(entry).image

    def preview(self, entry: Entry, side: int) -> NDArray[np.uint8]:
        seed, index = _seed_and_index(entry)
        return render(seed, index, min(max(side, PREVIEW), self.side)).image

    def masks(self, entry: Entry) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        drawn = self._rendering(entry)
        return drawn.lesion, drawn.evidence


def _seed_and_index(entry: Entry) -> tuple[int, int]:
    seed, index = entry.source.removeprefix("phantom:").split("/")
    return int(seed), int(index)
