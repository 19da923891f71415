"""ε on the case page: as it is written, along the curve, and as the attack takes it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from radar_core.ui import case_body
from radar_core.ui.jobs import device_jobs
from radar_core.view.blob import unpack
from tests.pages.conftest import address, command, epsilon, finished, followed

Open = Callable[..., AppTest]
QUICK = {"model": "toy", "attack": "fgsm", "explain": "gradcam"}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the viewer was given to show, in turn."""
    heads: list[dict[str, Any]] = []
    monkeypatch.setattr(case_body, "viewer", lambda blob, **_: heads.append(unpack(blob)[0]))
    return heads


@pytest.fixture
def busy() -> Iterator[Callable[[], None]]:
    """Keep the device busy until the end of the test."""
    begun, end = threading.Event(), threading.Event()

    def steps(_: object) -> Iterator[None]:
        begun.set()
        assert end.wait(60)
        yield None

    def begin() -> None:
        device_jobs().submit("busy", steps, owner="another", slot="busy")
        assert begun.wait(60)

    yield begin
    end.set()
    device_jobs().release("another", "busy")


def test_an_epsilon_that_cannot_be_is_one_sentence_and_the_picture_stays(app: Open) -> None:
    at = finished(app("case", **QUICK))
    for eps in ("abc", "-1", "5", "normalised:9", "4/0", ""):
        at.query_params["eps"] = eps  # AppTest cannot type what is not in the list
        at.run()
        assert not at.exception
        assert len(at.error) == 1, eps
        assert "ε" in at.error[0].value
        assert any("last case" in c.value for c in at.caption), eps
        epsilon(at).select("1/255").run()
        assert not finished(at).error, eps


@pytest.mark.parametrize("eps", ["0.0157", "normalised:0.01", "4/255", "0"])
def test_an_epsilon_may_be_written_as_people_write_it(app: Open, eps: str) -> None:
    at = finished(app("case", **QUICK, eps=eps))
    assert not at.error
    assert f"--eps {eps}" in command(at)


def test_the_case_at_every_epsilon(app: Open) -> None:
    at = followed(app("case", **{**QUICK, "attack": "pgd", "pgd.steps": "3"}))
    assert any("Reached here: L∞ 0.01569 = 4/255, L2" in m.value for m in at.markdown)
    frames = next(t.value for t in at.table if "Status" in t.value.columns)
    assert list(frames["ε"]) == [f"{k}/255" for k in (0, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 16)]
    assert set(frames["Status"]) <= {"already wrong", "no-op", "held", "flipped"}
    charts = [c for c in at.get("plotly_chart") if c.key.startswith("curve.")]
    assert len(charts) == 3, "readings, consistency, iterations"
    assert any("radar_core curve" in code.value for code in at.code)


def test_the_curve_is_kept_while_epsilon_moves_along_it(app: Open) -> None:
    query = {**QUICK, "attack": "bim", "bim.steps": "3", "seed": "11"}
    at = followed(app("case", **query))
    epsilon(at).set_value("8/255").run()
    at = finished(at)
    assert any("smallest ε found" in m.value or "No ε up to" in m.value for m in at.markdown)


def test_another_epsilon_of_the_case_stands_where_it_is_asked_for_at_once(
    app: Open, sent: list[dict[str, Any]], busy: Callable[[], None]
) -> None:
    at = followed(app("case", **QUICK, seed="21"))
    busy()
    at.query_params["eps"] = "1/255"
    at.run()
    last = sent[-1]
    assert last["frames"][last["at"]]["eps"] == "1/255"
    assert last["stage"] != "done"


def test_what_is_known_of_one_case_is_not_shown_as_another(
    app: Open, sent: list[dict[str, Any]], busy: Callable[[], None]
) -> None:
    at = followed(app("case", **QUICK, seed="22"))
    busy()
    view = at.session_state["case.shown"]
    other = replace(view.result, spec=replace(view.result.spec, image="phantom-test-0003"))
    at.session_state["case.shown"] = replace(view, result=other)  # it was cancelled early
    at.query_params["eps"] = "1/255"
    at.run()
    assert "frames" not in sent[-1]
    assert not sent[-1]["images"]


def test_a_browser_that_still_names_the_old_epsilon_does_not_undo_the_new(app: Open) -> None:
    at = app("case", **QUICK, eps="4/255")
    late = at._tree.get_widget_states()
    at.session_state["eps"] = "1.5/255"  # as the slider of the viewer does
    at.run()
    at._run(late)
    assert epsilon(at).value == "1.5/255"
    assert address(at)["eps"] == "1.5/255"
    epsilon(at).set_value("4/255").run()
    assert "eps" not in address(at), "which is the usual one"


def test_the_curve_can_be_stopped_and_computed_after_all(app: Open) -> None:
    at = finished(app("case", **{**QUICK, "attack": "pgd", "pgd.steps": "75", "eps": "0.5/255"}))
    at.button(key="curve.stop").click().run()
    assert not any(b.key == "curve.stop" for b in at.button)
    at.button(key="curve.go").click().run()
    assert at.button(key="curve.stop")
    at.button(key="curve.stop").click().run()


def test_each_kind_of_attack_keeps_its_own_epsilon(app: Open) -> None:
    at = app("case", **QUICK, eps="2/255")
    at.selectbox(key="attack").set_value("deepfool").run()
    assert epsilon(at).value == "own"
    epsilon(at).set_value("0.3").run()
    at.selectbox(key="attack").set_value("rotation").run()
    assert not [s for s in at.selectbox if s.label.startswith("ε, ")]
    assert address(at)["eps"] == "own"
    at.selectbox(key="attack").set_value("pgd").run()
    assert epsilon(at).value == "2/255"
    at.selectbox(key="pgd.norm").set_value("l2").run()
    assert epsilon(at).value == "0.5"
    at.selectbox(key="attack").set_value("cw").run()
    assert epsilon(at).value == "0.3"
    assert not at.exception
    other = finished(app("case", **address(at)))
    assert epsilon(other).value == "0.3"
