"""Two faults of Streamlit 1.67 where parts of a page are shown again by themselves, put right.

Such a part is shown again on a clock in the browser, or when the viewer says that it has drawn. A
busy machine is enough for both:

- Until a browser hears of the next page, it asks for parts of the page just left. Streamlit takes
  that as a wish for that page: the next one is cleared while it is being shown, and breaks ("Bad
  delta path index"), or the visitor is sent back.
- What a whole run has shown of a part, and what is not sent yet, is thrown away when the part is
  shown again; the end of the whole run is sent all the same. The browser takes what it was not
  sent for gone and makes it anew, without its focus, its zoom and whatever else it kept.
"""

from __future__ import annotations

from functools import wraps
from typing import Any

from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequestType


def mend() -> None:
    """See to it that neither happens in this server; more than once does nothing."""
    run, clear = AppSession.request_rerun, AppSession._clear_queue
    if hasattr(run, "__wrapped__"):
        return

    @wraps(run)
    def request_rerun(self: AppSession, client_state: ClientState | None) -> None:
        if client_state is None or not is_late(self, client_state):
            run(self, client_state)

    @wraps(clear)
    def clear_queue(self: AppSession, fragment_ids_this_run: list[str] | None = None) -> None:
        if not fragment_ids_this_run:
            clear(self, fragment_ids_this_run)
            return
        # What comes now is put behind what waits to be sent, not in its place: it belongs to
        # another run.
        self._browser_queue._delta_index_map = {}

    AppSession.request_rerun = request_rerun  # type: ignore[method-assign]
    AppSession._clear_queue = clear_queue  # type: ignore[method-assign]


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
