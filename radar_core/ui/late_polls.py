"""What a browser still asks of a page that was just left is not heard.

Parts of a page are shown again by themselves: on a clock in the browser, or when the viewer says
that it has drawn. Until a browser hears of the next page, both ask for parts of the page just left.
Streamlit 1.67 takes that as a wish for that page: the next one is cleared while it is being shown,
and breaks ("Bad delta path index"), or the visitor is sent back. A busy machine is enough.
"""

from __future__ import annotations

from typing import Any

from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequestType


def ignore_late_polls() -> None:
    """See to it that this server does not hear them; more than once does nothing."""
    run = AppSession.request_rerun
    if run.__module__ == __name__:
        return

    def request_rerun(self: AppSession, client_state: ClientState | None) -> None:
        if client_state is None or not is_late(self, client_state):
            run(self, client_state)

    AppSession.request_rerun = request_rerun  # type: ignore[method-assign]


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
