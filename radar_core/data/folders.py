"""A folder per class, with or without a level of `train`, `val` and `test` above it."""

from __future__ import annotations

from collections.abc import Iterable

from radar_core.data.base import Problem
from radar_core.data.files import SPLIT_NAMES, Files, unreadable
from radar_core.data.images import shown
from radar_core.types import Entry


def read_class_folders(files: Files) -> tuple[list[Entry], list[Problem]]:
    """Entries and problems of a folder per class; an entry's id is its path within the folder.

    Splits may be called train or training, val, valid or validation, test or testing, in any case.
    A single folder around all of it is stepped into; folders below a class belong to the class.
    """
    skip = _wrappers(files.images)
    ways = {path: path.split("/")[skip:-1] for path in files.images}
    has_splits = any(len(way) > 1 and way[0].lower() in SPLIT_NAMES for way in ways.values())
    masks = files.pairs
    entries: list[Entry] = []
    problems: list[Problem] = []
    for path, way in ways.items():
        split = SPLIT_NAMES.get(way[0].lower()) if has_splits and way else None
        classes = way[1:] if split else way
        if has_splits and not split:
            problems.append(Problem(path, "lies outside the folders of the splits"))
        elif not classes:
            problems.append(Problem(path, "lies in no class's folder"))
        elif why := unreadable(files.images[path]):
            problems.append(Problem(path, why))
        else:
            mask = files.path(masks[path]) if path in masks else None
            entries.append(Entry(path, shown(classes[0]), split, files.path(path), mask))
    return entries, problems


def _wrappers(paths: Iterable[str]) -> int:
    """How many single folders stand around the folders of splits or classes."""
    ways = [path.split("/")[:-1] for path in paths]
    depth = 0
    while (
        all(len(way) > depth + 1 for way in ways)
        and len({way[depth] for way in ways}) == 1
        and ways[0][depth].lower() not in SPLIT_NAMES
    ):
        depth += 1
    return depth
