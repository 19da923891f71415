"""Some images of a set that speak for all of it: classes in turn."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import TYPE_CHECKING

from radar_core.errors import BadData, BadImage

if TYPE_CHECKING:
    from radar_core.data.base import DataSet
    from radar_core.types import Case, Entry


def in_turn(data: DataSet, seed: int) -> list[Entry]:
    """All entries, one of each class after another; within a class in an order drawn once."""
    by_class: dict[str | None, list[Entry]] = {}
    for entry in data.entries:
        by_class.setdefault(entry.label, []).append(entry)
    draw = random.Random(seed)
    for entries in by_class.values():
        draw.shuffle(entries)
    queues = [by_class[label] for label in sorted(by_class, key=str)]
    longest = max((len(queue) for queue in queues), default=0)
    return [queue[i] for i in range(longest) for queue in queues if i < len(queue)]


def readable(data: DataSet, entries: list[Entry], count: int) -> Iterator[Case]:
    """The cases of the first `count` entries that can be read.

    Raises:
        BadData: not one.
    """
    found = 0
    for entry in entries:
        if found == count:
            return
        try:
            case = data.case(entry)
        except BadImage:
            continue
        found += 1
        yield case
    if not found:
        raise BadData(f"{data.name} has no readable image")
