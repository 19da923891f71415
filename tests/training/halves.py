"""A data set that is learned in an instant."""

from __future__ import annotations

import numpy as np

from radar_core.data.base import DataSet
from radar_core.errors import BadData
from radar_core.training.recipe import Recipe
from radar_core.types import Entry

ARCH = "mobilenet_v3_small"
QUICK = Recipe(epochs=2, small_epochs=1, small_side=64, batch=8, rate=1e-3, seed=7)


class Halves(DataSet):
    """Bright upper or lower halves, eight images a split; whoever reads one is noted.

    Args:
        splits: of the index; none: no image has a split.
    """

    name = title = "halves"
    class_names = ("lower", "upper")
    found = "some images"

    def __init__(
        self,
        splits: tuple[str | None, ...] = ("train", "val", "test"),
        each: int = 8,
        entries: tuple[Entry, ...] | None = None,
        read: list[str | None] | None = None,
    ) -> None:
        self.read = [] if read is None else read
        self.entries = entries or tuple(
            Entry(f"{s}-{i}", self.class_names[i % 2], s, str(i))
            for s in splits
            for i in range(each)
        )
        self._whole = self.entries

    def pixels(self, entry):
        self.read.append(entry.split)
        image = np.random.default_rng(int(entry.source)).integers(60, 120, (48, 48, 3))
        rows = slice(0, 24) if entry.label == "upper" else slice(24, 48)
        image[rows] += 100
        return image.astype(np.uint8)

    def masks(self, entry):
        return None, None

    def split(self, name):
        entries = tuple(e for e in self._whole if e.split == name)
        if not entries:
            raise BadData(f"no split {name}")
        return Halves(entries=entries, read=self.read)
