"""Which data sets are offered: the phantom, those of the settings, those fetched, those added.

What is added is a line in `folders.json` beside the fetched sets, so that it outlives a restart.
The images stay where they are.
"""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from radar_core.data.base import DataSet, Problem
from radar_core.data.fetching.fetched import fetched
from radar_core.data.images import shown
from radar_core.errors import BadParameter, CannotWrite, RadarError
from radar_core.settings import settings
from radar_core.writing import write_whole

FILE = "folders.json"  # in the folder of fetched sets
FORMAT = 1
PATIENCE = 5.0  # seconds that another process may take to write it

Kind = Literal["phantom", "settings", "fetched", "added"]


@dataclass(frozen=True)
class Offered:
    """A data set that is offered by name.

    Attributes:
        name: what `open_data` takes: a name, or a path.
        kind: why it is offered.
        source: what `source.json` says of one that was fetched.
    """

    name: str
    title: str
    kind: Kind
    path: Path | None = None
    source: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Summary:
    """What is in a data set, for a list.

    Attributes:
        found: in one sentence; empty where it cannot be used, and `error` says why.
        problems: what was skipped.
    """

    found: str = ""
    error: str = ""
    class_names: tuple[str, ...] = ()
    synthetic: bool = False
    problems: tuple[Problem, ...] = ()


def offered() -> tuple[Offered, ...]:
    """Every data set that is offered here, the phantom first; what is gone is still named."""
    found = [Offered("phantom", "Phantom", "phantom")]
    found += [Offered(str(path), path.name, "settings", path) for path in settings().data_paths]
    found += [Offered(f.name, f.title, "fetched", f.path, f.source) for f in fetched()]
    found += [Offered(str(path), path.name, "added", path) for path in _added()]
    by_name: dict[str, Offered] = {}
    for one in found:
        by_name.setdefault(one.name, one)
    return tuple(by_name.values())


def summary(one: Offered) -> Summary:
    """What is in it; an error is part of it, so that a list goes on to the next."""
    from radar_core.data import open_data

    try:
        data = open_data(one.name)
    except RadarError as error:
        return Summary(error=_reason(one, error))
    return Summary(data.found, "", data.class_names, data.synthetic, data.problems)


def add_folder(path: str | Path) -> tuple[Offered, DataSet]:
    """Offer a folder or a CSV file from now on; it is opened first.

    Raises:
        BadData: nothing there that can be used.
        BadParameter: it is offered already.
        CannotWrite: the list cannot be written.
    """
    from radar_core.data.opening import open_path

    text = str(path).strip()
    if not text:
        raise BadParameter("no path was given; name a folder of images or a CSV file")
    place = _absolute(text)
    data = open_path(str(place) if _is_there(place) else text, place)
    place = place.resolve()
    with _locked() as listed:
        for one in offered():
            if one.path is not None and os.path.realpath(_absolute(str(one.path))) == str(place):
                raise BadParameter(f"{shown(str(place))} is in the list already, as {one.title}")
        _write([*listed, place])
    return Offered(str(place), place.name, "added", place), data


def forget(path: str | Path) -> Offered:
    """Take a folder or file that was added from the list; nothing in it is touched.

    Raises:
        BadParameter: it was not added.
        CannotWrite: the list cannot be written.
    """
    text = str(path).strip()
    same = {text, str(_absolute(text)), os.path.realpath(_absolute(text))}
    with _locked() as listed:
        wanted = [one for one in listed if str(one) in same]
        if not wanted:
            known = ", ".join(str(one) for one in listed) or "none"
            raise BadParameter(f"{shown(text)} was not added; added are: {shown(known)}")
        _write([one for one in listed if one not in wanted])
    return Offered(str(wanted[0]), wanted[0].name, "added", wanted[0])


def _absolute(text: str) -> Path:
    """A path as it was typed, from the root on; a home that is nobody's is a name like others."""
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        return Path(text).absolute()


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except (OSError, ValueError):  # ValueError: a null character in the name
        return False
    return True


def _reason(one: Offered, error: RadarError) -> str:
    """Why it cannot be used, with the way out that its kind has."""
    if one.path is None or _is_there(_absolute(str(one.path))):
        return str(error)
    instead = {
        "added": "put it back, or forget it",
        "settings": "put it back, or take it out of RADAR_DATA",
        "fetched": "fetch it again",
    }
    return f"there is nothing at {one.path} any more; {instead[one.kind]}"


def _place() -> Path:
    return settings().fetched_path.expanduser().absolute() / FILE


def _added() -> list[Path]:
    """What was added; nothing where the list cannot be read, since no page may break of it."""
    try:
        return _read()
    except CannotWrite:
        return []


def _read() -> list[Path]:
    place = _place()
    try:
        said = json.loads(place.read_text(encoding="utf-8"))
        if said["format"] != FORMAT:
            raise ValueError(f"format {said['format']}")
        return [Path(row["path"]) for row in said["folders"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CannotWrite(
            f"{place} is not the list that was written there ({type(error).__name__}); "
            "mend it or take it away"
        ) from None


def _write(paths: Sequence[Path]) -> None:
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    said = {"format": FORMAT, "folders": [{"path": str(p)} for p in paths], "changed": today}
    write_whole(_place(), (json.dumps(said, indent=2, ensure_ascii=False) + "\n").encode())


@contextmanager
def _locked() -> Iterator[list[Path]]:
    """The list, which no other process changes meanwhile."""
    lock = _place().with_name(f".{FILE}.lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock, timeout=PATIENCE):
            yield _read()
    except Timeout:
        raise CannotWrite(f"another process is writing {_place()}; try again") from None
    except RadarError:
        raise
    except OSError as error:
        raise CannotWrite(
            f"{_place()} cannot be written ({error.strerror}); choose another folder with "
            "RADAR_FETCHED"
        ) from None
