"""The reader study as a reader meets it: nothing told before the end, nothing lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from radar_core.readers import PairPlan, answers, as_file
from radar_core.ui import reader_body
from tests.pages.conftest import address, until

Open = Callable[..., AppTest]
QUERY = {"model": "toy", "attack": "fgsm", "eps": "16/255", "pairs": "3", "seed": "2"}
PLAN = PairPlan(model="toy", attack="fgsm", eps="16/255", pairs=3, seed=2)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADAR_READERS", str(tmp_path))


def begin(app: Open, code: str) -> AppTest:
    at = app("reader_study", **QUERY)
    at.text_input(key="readers.code").set_value(code).run()
    return at.button(key="readers.go").click().run()


def side(at: AppTest, name: str) -> AppTest:
    """Answer the next pair."""
    until(at, lambda at: any(b.key == f"readers.{name}" for b in at.button))
    return at.button(key=f"readers.{name}").click().run()


def text(at: AppTest) -> str:
    return " ".join([m.value for m in at.markdown] + [c.value for c in at.caption])


def test_a_reader_answers_all_and_is_told_at_the_end(app: Open) -> None:
    at = begin(app, "ann")
    for n in range(3):
        assert "You found" not in text(at), n
        assert not at.table
        side(at, "left")
    until(at, lambda at: "You found" in text(at))
    given = answers(PLAN)
    assert [a.number for a in given] == [1, 2, 3]
    assert f"You found {sum(a.right for a in given)} of 3" in text(at)
    assert at.table[0].value.loc[0, "Answered"] == "3 of 3"


def test_the_same_code_goes_on_where_it_stopped(app: Open) -> None:
    side(begin(app, "ann"), "right")
    at = begin(app, "ann")
    assert "1 of 3 answered" in text(at)
    side(at, "right")
    assert [a.number for a in answers(PLAN)] == [1, 2]
    at.button(key="readers.leave").click().run()
    assert at.table[0].value.loc[0, "Accuracy"] == "—", "told before the end"


def test_who_leaves_before_the_end_is_not_told_by_the_answers_of_others(app: Open) -> None:
    at = begin(app, "ann")
    for _ in range(3):
        side(at, "left")
    until(at, lambda at: "You found" in text(at))
    assert len(at.get("download_button")) == 1, "the answers"
    at = begin(app, "bob")
    until(at, lambda at: any(b.key == "readers.left" for b in at.button))
    at.button_group(key="readers.sure.1").set_value("certain").run()
    side(at, "right")
    assert [a.sure for a in answers(PLAN)][-1] == "certain"
    assert at.button_group(key="readers.sure.2").value is None
    at.button(key="readers.leave").click().run()
    assert len(at.table) == 1 and len(at.get("download_button")) == 1, "but the settings"
    assert "once you have answered all pairs" in text(at)


def test_settings_from_a_file_are_those_of_the_address(app: Open) -> None:
    at = app("reader_study")
    at.file_uploader(key="readers.file").upload("study.json", as_file(PLAN), "application/json")
    at.run()
    assert address(at) == QUERY
    at.file_uploader(key="readers.file").upload("study.json", b"[1]", "application/json").run()
    assert "JSON file with data, model" in at.error[0].value
    assert address(at) == QUERY


def test_what_cannot_be_is_one_sentence(app: Open) -> None:
    at = begin(app, "no spaces please")
    assert "1 to 32 letters" in at.error[0].value
    at = app("reader_study", **{**QUERY, "pairs": "many"})
    assert "1 to 200 pairs" in at.error[0].value
    at = app("reader_study", **{**QUERY, "attack": "magic"})
    at.text_input(key="readers.code").set_value("ann").run()
    at.button(key="readers.go").click().run()
    until(at, lambda at: bool(at.error))
    assert "magic" in at.error[0].value


def test_it_rests_with_a_pair_while_others_are_being_made(
    app: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on, prepare = threading.Event(), reader_body.prepare_pairs

    def slowly(*given: Any, **named: Any) -> Iterator[Any]:
        for pairs in prepare(*given, **named):
            yield pairs
            goes_on.wait(60)

    monkeypatch.setattr(reader_body, "prepare_pairs", slowly)
    at = app("reader_study", **(QUERY | {"seed": "31"}))
    at.text_input(key="readers.code").set_value("ann").run()
    at.button(key="readers.go").click().run()
    until(at, lambda at: any(b.key == "readers.left" for b in at.button))
    shown, show = [], reader_body._show
    monkeypatch.setattr(reader_body, "_show", lambda *a: (shown.append(1), show(*a))[1])
    at.run()
    assert shown == [1], "it runs again and again"
    goes_on.set()
