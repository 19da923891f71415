"""Models of one's own: what they may be called, their files, and removing one."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from radar_core.errors import BadParameter, CannotWrite
from radar_core.models.store import SUFFIXES, ModelInfo
from radar_core.settings import settings

NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")


def checked_name(name: str, of: str = "a model") -> str:
    """A name for a model, or for something else that gets a folder of that name.

    Raises:
        BadParameter: anything but letters, digits, `-` and `_`, at most 40 of them.
    """
    if not NAME.fullmatch(name):
        raise BadParameter(
            f"{of}'s name has 1 to 40 letters, digits, - or _, and {name[:60]!r} is none; "
            f"choose another, such as my-{of.rsplit(maxsplit=1)[-1]}"
        )
    return name


def proposed_name(file: str) -> str:
    """A name for a model that comes in a file of that name."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", Path(file).stem).strip("-")[:40]


def files_of(info: ModelInfo) -> list[Path]:
    """A model's card and what lies beside it under its name."""
    files = [info.path, *(info.path.with_suffix(suffix) for suffix in SUFFIXES)]
    return [file for file in files if file.is_file()]


def size_on_disk(info: ModelInfo) -> int:
    """Bytes of its files."""
    return sum(file.stat().st_size for file in files_of(info))


def is_removable(info: ModelInfo) -> bool:
    """Whether it lies where models of one's own come to lie; shipped ones never do."""
    shipped, own = settings().model_paths[0].resolve(), settings().trained_path.resolve()
    place = info.path.resolve()
    return place.is_relative_to(own) and not place.is_relative_to(shipped)


def remove_model(info: ModelInfo) -> None:
    """Remove a model of one's own from the disk, and the folder it had for itself if it is empty.

    Raises:
        BadParameter: it is not one's own.
        CannotWrite: it cannot be removed.
    """
    if not is_removable(info):
        raise BadParameter(
            f"{info.name} lies in {info.path.parent}; only models in {settings().trained_path} are "
            "removed here"
        )
    try:
        for file in reversed(files_of(info)):  # the card last: without it nothing is listed
            file.unlink()
    except OSError as error:
        raise CannotWrite(
            f"{info.name} cannot be removed ({error.strerror}); remove {info.path} by hand"
        ) from None
    if info.path.parent.resolve() != settings().trained_path.resolve():
        with contextlib.suppress(OSError):  # something of its training is still in it
            info.path.parent.rmdir()
