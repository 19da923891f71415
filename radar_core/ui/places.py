"""The pages there are: each file of `pages/` says its own title, icon and place."""

from __future__ import annotations

import ast
from dataclasses import dataclass
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
    found = []
    for path in folder.glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PAGE":
                found.append(Place(path, **ast.literal_eval(node.value)))
                break
        else:
            raise ValueError(f"{path} needs a line PAGE = {{'title': …, 'icon': …, 'order': …}}")
    return sorted(found, key=lambda place: place.order)
