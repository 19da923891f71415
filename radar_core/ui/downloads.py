"""A file that is made when its button is pressed stays makeable for a while.

Streamlit 1.67 forgets what makes such a file, and the file itself, as soon as a run of the page has
put another in its place: a visitor who presses the button before the browser has heard of the
other gets nothing but "Failed to generate file for download". On a page that looks again and again
while something is computed, that happens.
"""

from __future__ import annotations

import time

from streamlit import runtime
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.media_file_storage import MediaFileKind

GRACE = 30.0  # seconds, of a browser that is busy
_SPARED = "spared"  # in place of a visitor, who holds what no visitor holds any more


def keep_lately() -> None:
    """See to it that this server forgets downloads later; more than once does nothing."""
    if runtime.exists():
        manager = runtime.get_instance().media_file_mgr
        if not isinstance(manager.remove_orphaned_files, _Removal):
            manager.remove_orphaned_files = _Removal(manager)  # type: ignore[method-assign]


class _Removal:
    """Removes the files that nobody has shown for `GRACE` seconds, instead of at once."""

    def __init__(self, manager: MediaFileManager) -> None:
        self.manager = manager
        self.remove = manager.remove_orphaned_files
        self.since: dict[str, float] = {}

    def __call__(self) -> None:
        """Let Streamlit remove what it no longer needs, but for what it needed lately."""
        manager, now = self.manager, time.monotonic()
        with manager._lock:
            shown = manager._files_by_session_and_coord
            shown.pop(_SPARED, None)
            used = {file for files in shown.values() for file in files.values()}
            made = manager._file_metadata.items()
            known = {file for file, one in made if one.kind is MediaFileKind.DOWNLOADABLE}
            known |= set(manager._deferred_callables)
            self.since = {file: self.since.get(file, now) for file in known - used}
            lately = [file for file, since in self.since.items() if now - since < GRACE]
            if lately:
                shown[_SPARED] = dict(zip(lately, lately, strict=True))
        self.remove()
