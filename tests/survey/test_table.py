"""A survey sorted, filtered, summed up, and as CSV."""

from __future__ import annotations

import csv
import io
import math

import pytest

from radar_core.survey import Effect, Query, Row, Survey, figures, select, to_csv
from radar_core.types import Entry

ENTRIES = [
    Entry("a", "nv", "test", "/a"),
    Entry("b", "mel", "test", "/b"),
    Entry("c", "nv", None, "/c"),
    Entry("d", None, None, "/d"),
    Entry("=e", "mel", None, "/e"),
    Entry("f", "nv", None, "/f"),
]
SURVEY = Survey(
    6,
    {
        "a": Row("1", "nv", 0.9, Effect("1/255", 0.4)),
        "b": Row("2", "nv", 0.5, Effect("", 0.8)),
        "c": Row("3", "nv", 0.7, Effect("3/255", None)),
        "d": Row("4", "mel", 0.99, Effect("0.5/255", 0.1)),
        "=e": Row("5", "mel", 0.6),
    },
    {"f": "is no image"},
)


def ids(**query: object) -> list[str]:
    return [e.id for e in select(ENTRIES, SURVEY, Query(**query))]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, "a b c d =e f"),
        ({"label": "nv"}, "a c f"),
        ({"reading": "nv"}, "a b c"),
        ({"right": "right"}, "a c =e"),
        ({"right": "wrong"}, "b"),
        ({"flip": "turned"}, "a c d"),
        ({"flip": "held"}, "b"),
        ({"most": "1/255"}, "a d"),
        ({"sure": (0.6, 0.9)}, "a c =e"),
        ({"focus": (0.1, 0.4)}, "a d"),
        ({"label": "nv", "right": "right", "most": "2/255"}, "a"),
        ({"label": "nv", "right": "wrong"}, ""),
    ],
)
def test_filters(query: dict[str, object], expected: str) -> None:
    assert ids(**query) == expected.split()


@pytest.mark.parametrize(
    ("order", "rising", "falling"),
    [
        ("given", "a b c d =e f", "f =e d c b a"),
        ("id", "=e a b c d f", "f d c b a =e"),
        ("class", "b =e a c f d", "a c f b =e d"),
        ("sure", "b =e c a d f", "d a c =e b f"),
        ("right", "b a c =e d f", "a c =e b d f"),
        ("flip", "d a c b =e f", "b c a d =e f"),
        ("focus", "d a b c =e f", "b a d c =e f"),
    ],
)
def test_orders_and_what_is_not_known_last(order: str, rising: str, falling: str) -> None:
    assert ids(order=order) == rising.split()
    assert ids(order=order, falling=True) == falling.split()


def test_figures_count_success_on_what_was_read_right_alone() -> None:
    found = figures(ENTRIES, SURVEY, at="2/255")
    assert (found.images, found.right.hits, found.right.of) == (6, 3, 4)
    assert (found.turned.hits, found.turned.of) == (1, 2)  # b was wrong, d has no label
    assert found.flip == pytest.approx(2 / 255)
    assert found.focus == pytest.approx(0.4)
    nothing = figures(ENTRIES, Survey(6))
    assert nothing.right.of == 0 and nothing.flip is None and nothing.focus is None
    held = Survey(6, {"a": Row("1", "nv", 0.9, Effect("", 0.4))})
    assert math.isinf(figures(ENTRIES, held).flip or 0)


def test_csv_says_what_is_known_in_the_order_shown_and_no_formula() -> None:
    shown = select(ENTRIES, SURVEY, Query(order="flip"))
    rows = list(csv.DictReader(io.StringIO(to_csv(shown, SURVEY))))
    assert [row["id"] for row in rows] == ["d", "a", "c", "b", "'=e", "f"]
    assert rows[1] == {
        "id": "a",
        "label": "nv",
        "split": "test",
        "reading": "nv",
        "probability": "0.9",
        "right": "yes",
        "smallest_flipping_eps": "1/255",
        "flipping_eps_255": "1",
        "topk_overlap": "0.4",
        "pixels_sha256": "1",
        "unreadable": "",
    }
    assert rows[0]["right"] == "" and rows[3]["right"] == "no"
    assert (rows[3]["smallest_flipping_eps"], rows[3]["flipping_eps_255"]) == ("none", "")
    assert rows[4]["smallest_flipping_eps"] == "" and rows[2]["topk_overlap"] == ""
    assert rows[5]["unreadable"] == "is no image" and rows[5]["reading"] == ""
