"""Four faults of Streamlit 1.67, most in pages with parts shown again by themselves, put right.

Such a part is shown again on a clock in the browser, or when the viewer says that it has drawn. A
busy machine is enough for the first three:

- Until a browser hears of the next page, it asks for parts of the page just left. Streamlit takes
  that as a wish for that page: the next one is cleared while it is being shown, and breaks ("Bad
  delta path index"), or the visitor is sent back.
- What a whole run has shown of a part, and what is not sent yet, is thrown away when the part is
  shown again; the end of the whole run is sent all the same. The browser takes what it was not
  sent for gone and makes it anew, without its focus, its zoom and whatever else it kept.
- An answer that waits to be sent is thrown away when the whole page begins to run. The browser
  waits for it for ever: a file that was chosen just then is never uploaded, and nobody is told.
- A page that rests outlives its session: the server was started again, or the computer slept for
  too long. The new session knows none of the page's parts and leaves unanswered whatever is done
  in one: the page looks alive and is dead. The browser is told to ask for the whole page, and goes
  on showing the old one until the server is warm; what is done in one of its parts before that is
  lost. (Of a page that polls the browser asks at once, and its outline is shown.)
"""

from __future__ import annotations

from functools import wraps
from typing import Any

from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.runtime import Runtime
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequestType

from radar_core.ui import warm

ANSWERS = ("file_urls_response", "backend_operation_response")
ALL = "radar.all"  # a part that no page has
SOON = 0.4  # seconds


def mend() -> None:
    """See to it that none happens in this server; more than once does nothing."""
    run, clear = AppSession.request_rerun, AppSession._clear_queue
    connect = Runtime.connect_session
    if hasattr(run, "__wrapped__"):
        return

    @wraps(run)
    def request_rerun(self: AppSession, client_state: ClientState | None) -> None:
        if client_state is None:
            run(self, client_state)
        elif has_shown_nothing(self):
            if not client_state.fragment_id or warm.progress().ready.is_set():
                run(self, whole(client_state))
        elif not is_late(self, client_state):
            run(self, client_state)

    @wraps(clear)
    def clear_queue(self: AppSession, fragment_ids_this_run: list[str] | None = None) -> None:
        if not fragment_ids_this_run:
            waiting = self._browser_queue._queue
            answers = [message for message in waiting if message.WhichOneof("type") in ANSWERS]
            clear(self, fragment_ids_this_run)
            for answer in answers:
                self._browser_queue.enqueue(answer)
            return
        # What comes now is put behind what waits to be sent, not in its place: it belongs to
        # another run.
        self._browser_queue._delta_index_map = {}

    @wraps(connect)
    def connect_session(
        self: Runtime,
        client: Any,
        user_info: Any,
        existing_session_id: str | None = None,
        session_id_override: str | None = None,
    ) -> str:
        found = connect(self, client, user_info, existing_session_id, session_id_override)
        if existing_session_id and found != existing_session_id:
            active = self._session_mgr.get_active_session_info(found)
            if active is not None:
                again = ForwardMsg()
                again.auto_rerun.fragment_id, again.auto_rerun.interval = ALL, SOON
                active.session._enqueue_forward_msg(again)
        return found

    Runtime.connect_session = connect_session  # type: ignore[method-assign]
    AppSession.request_rerun = request_rerun  # type: ignore[method-assign]
    AppSession._clear_queue = clear_queue  # type: ignore[method-assign]


def has_shown_nothing(session: Any) -> bool:
    """Whether a session (Streamlit's `AppSession`) has run no page yet and is not about to."""
    return session._scriptrunner is None and not session._pages_manager.current_page_script_hash


def whole(asked: ClientState) -> ClientState:
    """What the browser wants to be run, but the whole page for a part of it."""
    page = ClientState()
    page.CopyFrom(asked)
    page.ClearField("fragment_id")
    page.ClearField("is_auto_rerun")
    return page


def is_late(session: Any, asked: ClientState) -> bool:
    """Whether a part is asked for of a page that is being left, or of one about to run as a whole.

    Args:
        session: Streamlit's `AppSession`.
        asked: what the browser wants to be run.
    """
    if not asked.fragment_id:
        return False
    there: str = session._pages_manager.current_page_script_hash
    runner = session._scriptrunner
    if runner is not None and runner._requests._state is ScriptRequestType.RERUN:
        waiting = runner._requests._rerun_data
        if not waiting.fragment_id_queue:
            if asked.is_auto_rerun:
                return True
            there = waiting.page_script_hash or there
    return bool(asked.page_script_hash) and asked.page_script_hash != there
