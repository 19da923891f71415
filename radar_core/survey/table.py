"""A survey as a table: sorted, filtered, summed up and written as CSV, with nothing recomputed."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import median
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from radar_core.epsilon import parse_epsilon
from radar_core.sanity import Share
from radar_core.survey.types import Row, Survey

if TYPE_CHECKING:
    from radar_core.types import Entry

ALL = "all"
RIGHT: Mapping[str, str] = MappingProxyType({"any": "All", "right": "Right", "wrong": "Misread"})
FLIPS: Mapping[str, str] = MappingProxyType(
    {"any": "Any", "turned": "Turned", "held": "Not turned"}
)
ORDERS: Mapping[str, str] = MappingProxyType(
    {
        "given": "As in the data",
        "id": "Name",
        "class": "True class",
        "reading": "Reading",
        "right": "Right or wrong",
        "sure": "Confidence",
        "flip": "Smallest flipping ε",
        "focus": "Focus kept",
    }
)
HELD = math.inf  # where a reading that nothing turned stands among the smallest flipping ε


@dataclass(frozen=True)
class Query:
    """Which images of a survey are shown, and in which order.

    Attributes:
        label, reading: a class, or `all`.
        right: see `RIGHT`; images without a label are neither.
        flip: see `FLIPS`.
        sure, focus: lowest and highest probability and top-k overlap, both included. An image of
            which the value is not known is shown only where all of [0, 1] is.
        most: the largest flipping ε, as written; empty: any. Images that hold are left out by it.
        order: see `ORDERS`; what is not known comes last either way.
    """

    label: str = ALL
    reading: str = ALL
    right: str = "any"
    flip: str = "any"
    sure: tuple[float, float] = (0.0, 1.0)
    focus: tuple[float, float] = (0.0, 1.0)
    most: str = ""
    order: str = "given"
    falling: bool = False


def select(entries: Sequence[Entry], survey: Survey, query: Query) -> list[Entry]:
    """The entries that a query asks for, in its order; equal ones stay as they were."""
    wanted = [entry for entry in entries if _fits(entry, survey.rows.get(entry.id), query)]
    key = KEYS.get(query.order)
    if key is None:
        return wanted[::-1] if query.falling else wanted
    values = {entry.id: key(entry, survey.rows.get(entry.id)) for entry in wanted}
    known = [entry for entry in wanted if values[entry.id] is not None]
    known.sort(key=lambda entry: values[entry.id], reverse=query.falling)
    return known + [entry for entry in wanted if values[entry.id] is None]


def is_right(entry: Entry, row: Row | None) -> bool | None:
    """Whether an image is read as its label; None where either is not known."""
    return None if row is None or entry.label is None else row.reading == entry.label


def flip_of(row: Row | None) -> float | None:
    """The smallest flipping ε as a number, infinite where none is; None where it is not known."""
    if row is None or row.effect is None:
        return None
    return _value(row.effect.eps) if row.effect.eps else HELD


@lru_cache(maxsize=256)
def _value(eps: str) -> float:
    return parse_epsilon(eps).value


def focus_of(row: Row | None) -> float | None:
    """The top-k overlap, where it is known."""
    return row.effect.overlap if row and row.effect else None


KEYS: Mapping[str, Callable[[Entry, Row | None], Any]] = MappingProxyType(
    {
        "id": lambda entry, _: entry.id,
        "class": lambda entry, _: entry.label,
        "reading": lambda _, row: row.reading if row else None,
        "right": is_right,
        "sure": lambda _, row: row.probability if row else None,
        "flip": lambda _, row: flip_of(row),
        "focus": lambda _, row: focus_of(row),
    }
)


def _fits(entry: Entry, row: Row | None, query: Query) -> bool:
    if query.label not in (ALL, entry.label):
        return False
    if query.reading != ALL and (row is None or row.reading != query.reading):
        return False
    if query.right != "any" and is_right(entry, row) is not (query.right == "right"):
        return False
    eps = flip_of(row)
    if query.flip != "any" and (eps is None or (eps < HELD) is not (query.flip == "turned")):
        return False
    if query.most and (eps is None or eps > _value(query.most)):
        return False
    return _within(row.probability if row else None, query.sure) and _within(
        focus_of(row), query.focus
    )


def _within(value: float | None, bounds: tuple[float, float]) -> bool:
    low, high = bounds
    return bounds == (0.0, 1.0) or (value is not None and low <= value <= high)


@dataclass(frozen=True)
class Figures:
    """What some images of a survey have in common.

    Attributes:
        images: how many there are.
        right: of those with a label and a reading, how many are read right.
        turned: of those read right and attacked, how many read otherwise at `at` or below.
        at: that ε, as written.
        flip: median smallest flipping ε of those read right, infinite where most hold; None where
            none was attacked.
        focus: median top-k overlap of all that were attacked; None where none was.
    """

    images: int
    right: Share
    turned: Share
    at: str
    flip: float | None
    focus: float | None


def figures(entries: Sequence[Entry], survey: Survey, at: str = "2/255") -> Figures:
    """Sum up what is known of some images."""
    pairs = [(entry, survey.rows.get(entry.id)) for entry in entries]
    judged = [right for right in (is_right(*pair) for pair in pairs) if right is not None]
    eps = [flip_of(row) for entry, row in pairs if is_right(entry, row)]
    flips = [value for value in eps if value is not None]
    kept = [value for value in (focus_of(row) for _, row in pairs) if value is not None]
    bound = _value(at)
    return Figures(
        len(pairs),
        Share(sum(judged), len(judged)),
        Share(sum(value <= bound for value in flips), len(flips)),
        at,
        median(flips) if flips else None,
        median(kept) if kept else None,
    )


HEADER = (
    *("id", "label", "split", "reading", "probability", "right"),
    *("smallest_flipping_eps", "flipping_eps_255", "topk_overlap", "pixels_sha256", "unreadable"),
)


def to_csv(entries: Sequence[Entry], survey: Survey) -> str:
    """One row an image, in the order given; what is not known is empty.

    `smallest_flipping_eps` is `none` where the attack turned it at no ε of the axis.
    """
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(HEADER)
    for entry in entries:
        row, right = survey.rows.get(entry.id), is_right(entry, survey.rows.get(entry.id))
        eps, kept = flip_of(row), focus_of(row)
        known = eps is not None
        rows.writerow(
            [
                *map(cell, (entry.id, entry.label or "", entry.split or "")),
                cell(row.reading) if row else "",
                f"{row.probability:.6g}" if row else "",
                "" if right is None else "yes" if right else "no",
                "" if not known or row is None or row.effect is None else row.effect.eps or "none",
                f"{eps * 255:g}" if eps is not None and eps < HELD else "",
                "" if kept is None else f"{kept:.6g}",
                row.sha256 if row else "",
                cell(survey.unreadable.get(entry.id, "")),
            ]
        )
    return out.getvalue()


def cell(text: str) -> str:
    """A name that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
