"""A CSV file of labels: one row an image, with a label column or one column a class (ISIC)."""

from __future__ import annotations

import csv
import io
import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from radar_core.data.base import Problem
from radar_core.data.files import SPLIT_NAMES, Files, stem, unreadable
from radar_core.data.images import shown
from radar_core.errors import BadData
from radar_core.types import Entry

MOST_BYTES = 64 * 2**20

# What a column may be called, by what it holds; the first name found is taken. Case, spaces and
# hyphens do not count. `path`, `y` and `task` are the RADAR-MIX authors'.
COLUMNS = {
    "file": ("path", "file", "filename", "file_name", "filepath", "file_path", "image_path"),
    "id": ("image", "image_id", "image_name", "isic_id", "img", "id_code", "id"),
    "label": ("label", "class", "class_name", "dx", "diagnosis", "y", "target", "category"),
    "split": ("split", "task", "set", "subset", "partition", "phase"),
    "mask": ("mask", "mask_path", "mask_file", "segmentation"),
    # A patient has several lesions, a lesion several images: the widest that is named is taken.
    "group": ("group", "patient", "patient_id", "subject", "subject_id", "lesion_id", "lesion"),
}
# The one-hot columns of the ISIC challenges, named in lower case by HAM10000 and here.
ISIC = frozenset(("MEL", "NV", "BCC", "AKIEC", "AK", "BKL", "DF", "VASC", "SCC", "UNK"))


@dataclass(frozen=True)
class Table:
    """A CSV file as read: its column titles, and its rows as long as the titles."""

    name: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Row:
    """A row as far as it is understood; `file` is as written."""

    file: str
    label: str | None
    split: str | None
    mask: str | None
    group: str | None


def read_table(path: Path) -> Table:
    """A CSV file with commas, semicolons or tabs, in UTF-8.

    Raises:
        BadData: unreadable, too large, empty, not UTF-8, or no table.
    """
    name = shown(path.name)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadData(f"{name} is over {MOST_BYTES // 2**20} MiB; give a CSV file of labels")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise BadData(f"{name} cannot be read ({error.strerror}); check its path") from None
    except UnicodeDecodeError as error:
        raise BadData(
            f"{name} is not UTF-8 text (byte {error.start}); save it as CSV in UTF-8"
        ) from None
    first = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count))
    try:
        header = [title.strip() for title in next(reader, [])]
        width = len(header)
        rows = [(row + [""] * width)[:width] for row in reader if any(map(str.strip, row))]
    except csv.Error as error:
        raise BadData(
            f"{name} is no table near line {reader.line_num} ({error}); save it as CSV anew"
        ) from None
    if not rows:
        raise BadData(f"{name} is empty; it needs a line of column names and a row an image")
    return Table(name, header, rows)


def read_labels(files: Files, table: Table) -> tuple[list[Entry], list[Problem]]:
    """Entries and problems of a table; an entry's id is its image's name.

    Where one name stands for several files, ids are the names as written. Image and mask paths
    start from the table's folder or its `images` folder and may not leave it; a bare name or id
    is looked for there first, then in all folders below.

    Raises:
        BadData: no column of images, or none of labels.
    """
    rows = _understand(table)
    files_of_name = defaultdict(set)
    for row in rows:
        files_of_name[stem(_slashes(row.file))].add(row.file)
    ambiguous = any(len(written) > 1 for written in files_of_name.values())
    ids = [row.file if ambiguous else stem(_slashes(row.file)) for row in rows]
    find_image = _Finder(files, files.images, files.images)
    find_mask = _Finder(files, {**files.images, **files.masks}, files.masks)
    pairs = {} if any(row.mask for row in rows) else files.pairs
    labels = defaultdict(set)
    for id, row in zip(ids, rows, strict=True):
        labels[id].add(row.label)
    entries: dict[str, Entry] = {}
    problems: list[Problem] = []
    for id, row in zip(ids, rows, strict=True):
        why: str | None = None
        path = ""
        if not id:
            why = "names no image"
        elif len(labels[id]) > 1:
            why = "is listed with different labels; none is used"
        elif id in entries:
            why = "is listed twice; the first is used"
        elif row.label is None:
            why = "has no label"
        else:
            path, why = find_image(row.file)
        if why:
            problems.append(Problem(shown(id) or f"a row of {table.name}", why))
            continue
        mask = pairs.get(path)
        if row.mask:
            found, refusal = find_mask(row.mask)
            mask = None if refusal else found
        where = files.path(mask) if mask else None
        entries[id] = Entry(id, row.label, row.split, files.path(path), where, row.group)
    return list(entries.values()), problems


def _understand(table: Table) -> list[Row]:
    """The rows of a table whose columns are recognised by name."""
    titles = [re.sub(r"[\s-]+", "_", title.lower()) for title in table.header]
    at = {
        what: next((titles.index(name) for name in names if name in titles), None)
        for what, names in COLUMNS.items()
    }
    if at["file"] is None and at["id"] is None:
        raise BadData(
            f"{table.name} has no column of images; call one of its columns image or path "
            f"(it has {shown(', '.join(table.header))})"
        )
    hot: list[int] = []
    if at["label"] is None:
        hot = [
            k
            for k in range(len(titles))
            if k not in at.values() and all(row[k].strip() in _BITS for row in table.rows)
        ]
        if len(hot) < 2:
            raise BadData(
                f"{table.name} has no column of labels, nor one of 0 and 1 for each class; "
                f"call a column label (it has {shown(', '.join(table.header))})"
            )

    def cell(row: Sequence[str], what: str) -> str:
        column = at[what]
        return "" if column is None else row[column].strip()

    def label(row: Sequence[str]) -> str | None:
        if not hot:
            return shown(cell(row, "label")) or None
        ones = [table.header[k] for k in hot if _BITS[row[k].strip()]]
        if len(ones) != 1:
            return None
        return ones[0].lower() if ones[0] in ISIC else shown(ones[0])

    rows = []
    for row in table.rows:
        split = cell(row, "split").lower()
        rows.append(
            Row(
                cell(row, "file") or cell(row, "id"),
                label(row),
                SPLIT_NAMES.get(split, split) or None,
                cell(row, "mask") or None,
                shown(cell(row, "group")) or None,
            )
        )
    return rows


_BITS = {"0": False, "0.0": False, "": False, "1": True, "1.0": True}


def _slashes(written: str) -> str:
    return written.replace("\\", "/")


class _Finder:
    """Finds the file that a table means among some (path → size), bare names among fewer."""

    def __init__(self, files: Files, sizes: Mapping[str, int], bare: Iterable[str]) -> None:
        self.root, self.sizes = _slashes(files.root), sizes
        self.by_name: defaultdict[str, list[str]] = defaultdict(list)
        for path in bare:
            name = path.rsplit("/", 1)[-1]
            self.by_name[name].append(path)
            if stem(path) != name:
                self.by_name[stem(path)].append(path)

    def __call__(self, written: str) -> tuple[str, str | None]:
        """The relative path of a file, or why there is none."""
        path = posixpath.normpath(_slashes(written))
        path = path.removeprefix(self.root + "/")
        if path.startswith(("/", "../")) or re.match(r"^[A-Za-z]:", path):
            return "", "lies outside the folder of its table"
        for candidate in (path, f"images/{path}"):
            if candidate in self.sizes:
                return candidate, unreadable(self.sizes[candidate])
        named = [] if "/" in path else self.by_name.get(path, [])
        nearest = min(map(_distance, named), default=0)
        named = [found for found in named if _distance(found) == nearest]
        if len(named) == 1:
            return named[0], unreadable(self.sizes[named[0]])
        return "", f"may be any of {len(named)} files" if named else "has no image file"


def _distance(path: str) -> int:
    """How far from its table a file lies: beside it, in `images`, elsewhere."""
    folder = path.rpartition("/")[0]
    return 0 if not folder else 1 if folder == "images" else 2


def richest(tables: Sequence[tuple[Table, list[Entry], list[Problem]]]) -> int:
    """Which of several tables in a folder to use: the index of the one that tells most.

    Of those with at least half as many images as the fullest: first one that gives splits, then
    one that gives masks, then the one with most images, then with most columns.
    """
    fullest = max(len(entries) for _, entries, _ in tables)

    def worth(index: int) -> tuple[bool, bool, bool, int, int]:
        table, entries, _ = tables[index]
        return (
            2 * len(entries) >= fullest,
            any(e.split for e in entries),
            any(e.mask for e in entries),
            len(entries),
            len(table.header),
        )

    return max(range(len(tables)), key=worth)
