"""What a browser asks of a page left or outlived, and what is not sent yet when one runs."""

from __future__ import annotations

from inspect import signature, unwrap
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.runtime import Runtime
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequests

from radar_core.ui import warm
from radar_core.ui.session_mends import ALL, ANSWERS, mend
from radar_core.ui.warm import Warmth

POLL = ClientState(fragment_id="part", is_auto_rerun=True, page_script_hash="here")
CLICK = ClientState(fragment_id="part", page_script_hash="here")
NEXT = RerunData(page_script_hash="next")
CLEAR = unwrap(AppSession._clear_queue)  # as it is before any test mends it


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[ClientState]:
    """What Streamlit itself hears, in a server that ignores what comes late."""
    heard: list[ClientState] = []
    monkeypatch.setattr(AppSession, "request_rerun", lambda _, asked: heard.append(asked))
    monkeypatch.setattr(AppSession, "_clear_queue", CLEAR)
    monkeypatch.setattr(Runtime, "connect_session", lambda _, client, *others: client)
    mend()
    mend()
    return heard


def asks(wanted: ClientState | None, waiting: RerunData | None = None, page: str = "here") -> None:
    """Ask it of a session that shows a page, or none, and in which something may wait to be run."""
    requests = ScriptRequests()
    if waiting is not None:
        requests.request_rerun(waiting)
    session: Any = SimpleNamespace(
        _scriptrunner=SimpleNamespace(_requests=requests) if page or waiting else None,
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


def test_a_part_of_a_page_that_outlived_its_session_is_asked_for_as_the_whole_page(
    heard: list[ClientState], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm, "_warmth", Warmth())
    warm.progress().ready.set()
    asks(POLL, page="")
    asks(CLICK, page="")
    assert heard == [ClientState(page_script_hash="here")] * 2
    assert POLL.fragment_id, "what the browser sent stays as it was"


@pytest.mark.parametrize(
    ("found", "before", "told"),
    [("new", None, []), ("known", "known", []), ("new", "lost", [ALL])],
)
def test_a_page_whose_session_is_lost_is_told_to_ask_for_itself(
    heard: list[ClientState], found: str, before: str | None, told: list[str]
) -> None:
    """The session that is found for a page which says which one it had."""
    said: list[ForwardMsg] = []
    active = SimpleNamespace(session=SimpleNamespace(_enqueue_forward_msg=said.append))
    runtime: Any = SimpleNamespace(
        _session_mgr=SimpleNamespace(get_active_session_info={found: active}.get)
    )
    client: Any = found
    assert Runtime.connect_session(runtime, client, {}, existing_session_id=before) == found
    assert [message.auto_rerun.fragment_id for message in said] == told


def test_it_is_shown_anew_once_the_server_is_warm(
    heard: list[ClientState], monkeypatch: pytest.MonkeyPatch
) -> None:
    warmth = Warmth()
    monkeypatch.setattr(warm, "_warmth", warmth)
    everything = ClientState(fragment_id=ALL, is_auto_rerun=True)
    for early in (everything, CLICK):
        asks(early, page="")
    assert not heard
    page = ClientState(page_script_hash="here")
    asks(page, page="")
    warmth.ready.set()
    asks(everything, page="")
    assert heard == [page, ClientState()]


@pytest.fixture
def waiting(heard: list[ClientState]) -> Any:
    """A session whose whole run has ended before its part `part` was sent."""
    session: Any = SimpleNamespace(_browser_queue=ForwardMsgQueue())
    session._browser_queue.enqueue(shows("first", "part"))
    ended = ForwardMsg(script_finished=ForwardMsg.FINISHED_SUCCESSFULLY)
    session._browser_queue.enqueue(ended)
    return session


def shows(text: str, fragment: str) -> ForwardMsg:
    """That a part of the page shows a text."""
    message = ForwardMsg()
    message.metadata.delta_path.extend([0, 1])
    message.delta.fragment_id = fragment
    message.delta.new_element.text.body = text
    return message


def sent(session: Any) -> list[str]:
    """What is sent next, in short."""
    return [
        m.delta.new_element.text.body or str(m.script_finished)
        for m in session._browser_queue.flush()
    ]


def test_what_waits_to_be_sent_of_a_part_is_sent_though_it_is_shown_again(waiting: Any) -> None:
    AppSession._clear_queue(waiting, ["part"])
    waiting._browser_queue.enqueue(shows("second", "part"))
    assert sent(waiting) == ["first", str(ForwardMsg.FINISHED_SUCCESSFULLY), "second"]


def test_what_a_whole_run_shows_anew_is_not_sent_before_it(waiting: Any) -> None:
    AppSession._clear_queue(waiting, None)
    assert sent(waiting) == [str(ForwardMsg.FINISHED_EARLY_FOR_RERUN)]


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_sent_though_the_page_begins_to_run(waiting: Any, name: str) -> None:
    waiting._browser_queue.enqueue(answer(name))
    AppSession._clear_queue(waiting, None)
    kinds = [message.WhichOneof("type") for message in waiting._browser_queue.flush()]
    assert kinds == ["script_finished", name]


def answer(name: str) -> ForwardMsg:
    """One that a page asked for."""
    message = ForwardMsg()
    getattr(message, name).SetInParent()
    return message


def test_streamlit_itself_does_not_send_them() -> None:
    """Once this fails, a mend is no longer needed."""
    session: Any = SimpleNamespace(_browser_queue=ForwardMsgQueue())
    session._browser_queue.enqueue(shows("first", "part"))
    CLEAR(session, ["part"])
    assert sent(session) == []
    for name in ANSWERS:
        session._browser_queue.enqueue(answer(name))
    CLEAR(session)
    assert session._browser_queue.is_empty()


def test_what_is_looked_at_is_there() -> None:
    """A newer Streamlit may have other names; then this says so."""
    assert {"_state", "_rerun_data"} <= set(vars(ScriptRequests()))
    assert {"_delta_index_map", "_queue"} <= set(vars(ForwardMsgQueue()))
    assert {"_scriptrunner", "_pages_manager", "_browser_queue"} <= set(
        AppSession.__init__.__code__.co_names
    )
    assert AppSession._enqueue_forward_msg
    assert "_session_mgr" in Runtime.__init__.__code__.co_names
    assert "existing_session_id" in signature(unwrap(Runtime.connect_session)).parameters
    assert isinstance(PagesManager.current_page_script_hash, property)
    from streamlit.runtime.scriptrunner import ScriptRunner

    assert "_requests" in ScriptRunner.__init__.__code__.co_names
