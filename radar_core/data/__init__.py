"""Where cases come from: the phantom, folders, CSV files, arrays, what was fetched, one upload."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from radar_core.data.base import DataSet, Problem

if TYPE_CHECKING:
    from radar_core.data.synthetic import PhantomData

__all__ = ["DataSet", "Problem", "open_data"]


def open_data(name_or_path: str, split: str | None = None) -> DataSet:
    """A data set by name or path.

    Args:
        name_or_path: `phantom`, the name of a set that was fetched (`isic2018`), a CSV file of
            labels, or a folder: of images beside such a file, or with a folder per class.
        split: one split of it; without one, all of a path's images, and the phantom's test split.
            Data that names no split is cut as for training (`radar_core.data.parts.with_splits`).

    Raises:
        BadData: nothing there that can be used, or no such split.
    """
    if name_or_path == "phantom":
        return _phantom(split or "test")
    from radar_core.data.fetching.fetched import find_fetched
    from radar_core.data.opening import open_path

    found = find_fetched(str(name_or_path))
    data = open_path(str(name_or_path), found.path if found else None)
    if split is None:
        return data
    if any(entry.split for entry in data.entries):
        return data.split(split)
    from radar_core.data.parts import with_splits

    return with_splits(data)[0].split(split)


@lru_cache(maxsize=3)
def _phantom(split: str) -> PhantomData:
    from radar_core.data.synthetic import PhantomData

    return PhantomData(split)
