"""What has been fetched: folders with a `source.json`, offered by name beside the phantom."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radar_core.errors import CannotWrite
from radar_core.settings import settings

SOURCE = "source.json"


@dataclass(frozen=True)
class Fetched:
    """A data set that was fetched.

    Attributes:
        source: what `source.json` says: licence, citation, files with their SHA-256, date.
    """

    name: str
    title: str
    path: Path
    source: Mapping[str, Any]


def fetched(root: Path | None = None) -> list[Fetched]:
    """The sets in a folder (that of the settings), by name."""
    root = settings().fetched_path if root is None else root
    try:
        names = sorted(path.name for path in root.iterdir() if not path.name.startswith("."))
    except OSError:
        return []
    return [found for name in names if (found := find_fetched(name, root)) is not None]


def find_fetched(name: str, root: Path | None = None) -> Fetched | None:
    """The fetched set of that name, if there is one."""
    root = settings().fetched_path if root is None else root
    if not name or "/" in name or "\\" in name or name.startswith("."):
        return None  # a path, not a name
    source = read_source(root / name)
    return None if source is None else Fetched(name, str(source["title"]), root / name, source)


def remove_fetched(found: Fetched) -> None:
    """Remove a fetched set from the disk.

    Raises:
        CannotWrite: it cannot be removed.
    """
    try:
        shutil.rmtree(found.path)
    except OSError as error:
        raise CannotWrite(
            f"{found.path} cannot be removed ({error.strerror}); do it by hand"
        ) from None


def read_source(folder: Path) -> dict[str, Any] | None:
    """What a folder's `source.json` says; None where it is none that was written here."""
    try:
        said = json.loads((folder / SOURCE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    good = isinstance(said, dict) and said.get("format") == 1 and isinstance(said.get("title"), str)
    return said if good else None
