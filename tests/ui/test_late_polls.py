"""What a browser asks of a page while another one is on its way."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequests

from radar_core.ui.late_polls import ignore_late_polls

POLL = ClientState(fragment_id="part", is_auto_rerun=True, page_script_hash="here")
CLICK = ClientState(fragment_id="part", page_script_hash="here")
NEXT = RerunData(page_script_hash="next")


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[ClientState]:
    """What Streamlit itself hears, in a server that ignores what comes late."""
    heard: list[ClientState] = []
    monkeypatch.setattr(AppSession, "request_rerun", lambda _, asked: heard.append(asked))
    ignore_late_polls()
    ignore_late_polls()
    return heard


def asks(wanted: ClientState | None, waiting: RerunData | None = None, page: str = "here") -> None:
    """Ask it of a session that shows a page, and in which something may wait to be run."""
    requests = ScriptRequests()
    if waiting is not None:
        requests.request_rerun(waiting)
    session: Any = SimpleNamespace(
        _scriptrunner=SimpleNamespace(_requests=requests),
        _pages_manager=SimpleNamespace(current_page_script_hash=page),
    )
    AppSession.request_rerun(session, wanted)


def test_what_is_asked_of_the_page_shown_is_heard(heard: list[ClientState]) -> None:
    asks(POLL)
    asks(CLICK, RerunData(page_script_hash="here"))
    asks(POLL, RerunData(fragment_id="other", page_script_hash="here"))
    assert heard == [POLL, CLICK, POLL]


def test_what_is_asked_of_a_page_on_its_way_out_is_not(heard: list[ClientState]) -> None:
    for late in (POLL, CLICK):
        asks(late, NEXT)
        asks(late, page="next")
    assert not heard


def test_a_page_about_to_run_as_a_whole_need_not_look_again(heard: list[ClientState]) -> None:
    asks(POLL, RerunData(page_script_hash="here"))
    assert not heard


def test_whole_pages_are_always_heard(heard: list[ClientState]) -> None:
    back = ClientState(page_script_hash="before")
    asks(back, NEXT)
    asks(None, NEXT)
    assert heard == [back, None]


def test_what_is_looked_at_is_there() -> None:
    """A newer Streamlit may have other names; then this says so."""
    assert {"_state", "_rerun_data"} <= set(vars(ScriptRequests()))
    assert {"_scriptrunner", "_pages_manager"} <= set(AppSession.__init__.__code__.co_names)
    assert isinstance(PagesManager.current_page_script_hash, property)
    from streamlit.runtime.scriptrunner import ScriptRunner

    assert "_requests" in ScriptRunner.__init__.__code__.co_names
