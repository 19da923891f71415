"""The pages there are: each file of `pages/` says its own title, icon and place."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path


@dataclass(frozen=True)
class Place:
    """A page as the navigation lists it; the lowest `order` comes first and is the start."""

    path: Path
    title: str
    icon: str
    order: int


def places(folder: Path) -> list[Place]:
    """The pages of a folder, from their `PAGE = {"title": …, "icon": …, "order": …}`.

    The files are read, not run: a page runs only when it is visited.

    Raises:
        ValueError: a page without such a line.
    """
    found = [_place(path, path.stat().st_mtime_ns) for path in folder.glob("*.py")]
    return sorted(found, key=lambda place: place.order)


@lru_cache(maxsize=64)
def _place(path: Path, _changed: int) -> Place:
    """A page as it says of itself; read again where the file was changed.

    Every run of a page asks. Python 3.11 fails now and then where two threads parse at once.
    """
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PAGE":
            return Place(path, **ast.literal_eval(node.value))
    raise ValueError(f"{path} needs a line PAGE = {{'title': …, 'icon': …, 'order': …}}")
