"""Open a folder or a CSV file as a data set: its layout is found out, not asked for."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

from radar_core.data.arrays import is_arrays, open_arrays
from radar_core.data.base import DataSet, Problem
from radar_core.data.files import FileData, Files, scan, stem
from radar_core.data.folders import read_class_folders
from radar_core.data.images import shown
from radar_core.data.tables import Table, read_labels, read_table, richest
from radar_core.errors import BadData
from radar_core.types import Entry

KEEP = 8  # indexes kept; each is some megabytes at most

_kept: OrderedDict[tuple[str, Path, int], FileData] = OrderedDict()
_lock = threading.Lock()


def open_path(name: str, path: Path | None = None) -> DataSet:
    """The data set in a folder or CSV file, all splits together.

    A CSV file is read as such, a folder of arrays as `arrays` says. In any other folder, its CSV
    files are tried first (`tables.richest` says which is used where there are several), then a
    folder per class. The index is kept and used again until the CSV file or one of the folders
    changes.

    Args:
        name: what the data set is called.
        path: where it lies, if its name is not the path.

    Raises:
        BadData: nothing there, no layout that is known, or fewer than two classes.
    """
    path = Path(name).expanduser() if path is None else path
    try:
        path = path.resolve(strict=True)
        is_table = path.is_file()
        key = (name, path, path.stat().st_mtime_ns)
    except (OSError, ValueError, RuntimeError):  # ValueError: a null character in the name
        raise BadData(f"there is no folder or CSV file {shown(name)!r}; {_instead(name)}") from None
    if not is_table and is_arrays(path):
        return open_arrays(name, path)
    if is_table and path.suffix.lower() != ".csv":
        raise BadData(f"{shown(path.name)} is neither a folder nor a CSV file; name one of those")
    with _lock:
        data = _kept.get(key)
    if data is None or not data.files.unchanged():
        data = _read_table(name, path) if is_table else _read_folder(name, path)
        _check(data)
    with _lock:
        _kept[key] = data
        _kept.move_to_end(key)
        while len(_kept) > KEEP:
            _kept.popitem(last=False)
    return data


def _instead(name: str) -> str:
    """What to do where a name is no path: a set that can be fetched is called by its name."""
    from radar_core.data.fetching.offers import offers

    for offer in offers():
        if name in (offer.name, offer.id):
            size = f" --size {offer.side}" if offer.side else ""
            return f"fetch it first: python -m radar_core fetch {offer.id}{size}"
    return "check the path, or use phantom"


def _read_table(name: str, path: Path) -> FileData:
    table = read_table(path)
    files = scan(str(path.parent))
    entries, problems = read_labels(files, table)
    return FileData(name, path.stem, files, entries, problems, labels_from=path.name)


def _read_folder(name: str, path: Path) -> FileData:
    files = scan(str(path))
    if not files.images:
        raise BadData(f"{shown(str(path))} holds no images; name a folder of images with labels")
    read: list[tuple[Table, list[Entry], list[Problem]]] = []
    refusals: list[BadData] = []
    for table_name in files.tables:
        try:
            table = read_table(path / table_name)
            entries, problems = read_labels(files, table)
        except BadData as error:
            refusals.append(error)
            continue
        if entries:
            read.append((table, entries, problems))
    title = path.name or str(path)
    if read:
        table, entries, problems = read[richest(read)]
        problems += _unlisted(files, table, entries, problems)
        return FileData(name, title, files, entries, problems, labels_from=table.name)
    entries, problems = read_class_folders(files)
    data = FileData(name, title, files, entries, problems)
    if len(data.class_names) < 2 and refusals:
        raise refusals[0]
    return data


def _unlisted(
    files: Files, table: Table, entries: list[Entry], problems: list[Problem]
) -> list[Problem]:
    """Images of the folder that no row of the table names: they have no label."""
    used = {path for entry in entries for path in (entry.source, entry.mask)}
    named = {problem.name for problem in problems}
    return [
        Problem(path, f"has no row in {table.name}")
        for path in files.images
        if files.path(path) not in used
        and not named & {path, path.removeprefix("images/"), stem(path)}
    ]


def _check(data: FileData) -> None:
    where = shown(data.name)
    if not data.entries:
        example = f"; the first: {data.problems[0].name} {data.problems[0].why}"
        raise BadData(
            f"{where} gives no usable image{example if data.problems else ''}. Put images into a "
            "folder per class, or name them in a CSV file with columns image and label"
        )
    if len(data.class_names) < 2:
        raise BadData(
            f"{where} has one class ({shown(data.class_names[0])}) and two are needed; put each "
            "class's images into a folder of its own, or add a CSV file with columns image and "
            "label"
        )
