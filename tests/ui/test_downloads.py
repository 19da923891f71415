"""A download that the page has just put in place of another."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from streamlit import runtime
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.media_file_storage import MediaFileStorageError
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage

from radar_core.ui import downloads


class Clock:
    """Seconds that pass when told."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(downloads, "time", clock)
    return clock


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Iterator[MediaFileManager]:
    """What Streamlit keeps files in, of a server that keeps them a while longer."""

    class Server:
        media_file_mgr = MediaFileManager(MemoryMediaFileStorage("/media"))

    monkeypatch.setattr(runtime, "exists", lambda: True)
    monkeypatch.setattr(runtime, "get_instance", lambda: Server)
    downloads.keep_lately()
    downloads.keep_lately()
    yield Server.media_file_mgr
    assert not Server.media_file_mgr._lock.locked()


def shown(manager: MediaFileManager, told: str = "first") -> str:
    """One run of a page with one download."""
    manager.clear_session_refs()
    file = manager.add_deferred(lambda: told, "text/plain", "1.2")
    manager.remove_orphaned_files()
    return file


def test_what_the_browser_still_shows_can_still_be_pressed(
    manager: MediaFileManager, clock: Clock
) -> None:
    old, new = shown(manager), shown(manager, "second")
    manager.remove_orphaned_files()  # a part of the page that looks again
    clock.now += downloads.GRACE - 1
    manager.remove_orphaned_files()
    for file, told in ((old, b"first"), (new, b"second")):
        made = manager.execute_deferred(file).removeprefix("/media/").removesuffix(".txt")
        manager.remove_orphaned_files()
        manager.remove_orphaned_files()  # twice between the answer and the browser's fetching it
        found = manager.read_file(made)
        assert found is not None
        assert found.content == told


def test_nothing_is_kept_for_good(manager: MediaFileManager, clock: Clock) -> None:
    old, new = shown(manager), shown(manager)
    made = manager.execute_deferred(old).removeprefix("/media/").removesuffix(".txt")
    manager.remove_orphaned_files()
    clock.now += downloads.GRACE
    for _ in range(2):  # Streamlit marks first what was downloaded
        manager.remove_orphaned_files()
    assert manager.read_file(made) is None
    with pytest.raises(MediaFileStorageError, match="not found"):
        manager.execute_deferred(old)
    assert manager.execute_deferred(new)
    clock.now += 10 * downloads.GRACE
    manager.remove_orphaned_files()
    assert manager.execute_deferred(new)  # a page that stands is not out of date


def test_an_end_of_the_visit_is_an_end(manager: MediaFileManager, clock: Clock) -> None:
    file = shown(manager)
    manager.clear_session_refs()
    manager.remove_orphaned_files()
    clock.now += downloads.GRACE
    manager.remove_orphaned_files()
    with pytest.raises(MediaFileStorageError):
        manager.execute_deferred(file)
