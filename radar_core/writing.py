"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from radar_core.errors import CannotWrite


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place and move it there: a reader sees the old one or the new one.

    Raises:
        CannotWrite: no room, or no permission; the old file is untouched.
    """
    write_all({path: content})


def write_all(files: Mapping[Path, bytes]) -> None:
    """Write files that belong together: none is moved to its place before all are on the disk.

    Raises:
        CannotWrite: no room, or no permission; the old files are untouched.
    """
    parts = {path: path.with_name(f".{path.name}.part") for path in files}
    path = next(iter(files))
    try:
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with parts[path].open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for path, beside in parts.items():
            beside.replace(path)
    except OSError as error:
        for beside in parts.values():
            with contextlib.suppress(OSError):
                beside.unlink()
        raise CannotWrite(
            f"{path} cannot be written ({error.strerror}); what was there is untouched"
        ) from None
