"""One file by HTTP: cut, resumed, refused, damaged; nothing half is ever taken for whole."""

from __future__ import annotations

import errno
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from radar_core.data.fetching import download
from radar_core.data.fetching.download import bring
from radar_core.data.fetching.offers import Remote
from radar_core.errors import Cancelled, CannotWrite, NotFetched
from radar_core.runtime import Progress
from tests.data.served import Served, md5, serving

CONTENT = np.random.default_rng(1).bytes(3 * 2**20)
REMOTE = Remote("set.zip", "http://127.0.0.1:9/set.zip", len(CONTENT), md5=md5(CONTENT))


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PAUSE", 0.01)
    monkeypatch.setattr(download, "EVERY", 0.0)


@pytest.fixture
def served() -> Iterator[Served]:
    with serving({"set.zip": CONTENT}) as found:
        yield found


def brought(served: Served, folder: Path, **more: Any) -> bytes:
    found = bring(REMOTE, folder, mirror=served.url, progress=Progress(**more))
    assert found.ours and found.bytes == len(CONTENT)
    return found.path.read_bytes()


def test_a_file_comes_whole_with_bytes_rate_and_time(served: Served, tmp_path: Path):
    served.pause = 0.01
    said: list[tuple[float, str]] = []
    assert brought(served, tmp_path, report=lambda f, n: said.append((f, n))) == CONTENT
    shares = [share for share, _ in said]
    assert shares == sorted(shares) and shares[-1] == 1
    assert any("MB of 3.1 MB" in note and "/s" in note for _, note in said)
    assert not (tmp_path / "set.zip.part").exists()


def test_a_cut_connection_goes_on_where_it_broke(served: Served, tmp_path: Path):
    served.cuts = [2**20, 2**20]
    assert brought(served, tmp_path) == CONTENT
    ranges = [wanted for _, wanted in served.asked]
    assert ranges[0] == "" and ranges[1:] == [f"bytes={2**20}-", f"bytes={2**21}-"]


def test_what_was_stopped_goes_on_in_another_run(served: Served, tmp_path: Path):
    stop = threading.Event()
    with pytest.raises(Cancelled):
        brought(served, tmp_path, report=lambda f, n: stop.set(), stop=stop)
    part = (tmp_path / "set.zip.part").stat().st_size
    assert 0 < part < len(CONTENT)
    assert brought(served, tmp_path) == CONTENT
    assert served.asked[-1] == ("set.zip", f"bytes={part}-")


def test_a_server_without_ranges_sends_all_again(served: Served, tmp_path: Path):
    served.ranges, served.cuts = False, [2**20]
    assert brought(served, tmp_path) == CONTENT
    assert len(served.asked) == 2


def test_without_a_version_nothing_is_pieced_together(served: Served, tmp_path: Path):
    served.etag, served.cuts = None, [2**20]
    assert brought(served, tmp_path) == CONTENT
    assert [wanted for _, wanted in served.asked] == ["", ""]


def test_a_file_that_changed_meanwhile_is_begun_anew(served: Served, tmp_path: Path):
    served.files["set.zip"], served.cuts = b"old" * 2**19, [2**20]
    with pytest.raises(Cancelled):
        _change_after_first(served, tmp_path)
    assert brought(served, tmp_path) == CONTENT


def _change_after_first(served: Served, folder: Path) -> None:
    stop = threading.Event()

    def report(fraction: float, note: str) -> None:
        stop.set()

    try:
        bring(REMOTE, folder, mirror=served.url, progress=Progress(report, stop))
    finally:
        served.files["set.zip"], served.etag, served.cuts = CONTENT, '"two"', []


def test_a_part_that_is_whole_is_taken(served: Served, tmp_path: Path):
    served.cuts = [2**20]
    with pytest.raises(Cancelled):
        _change_after_first(served, tmp_path)
    served.etag = '"one"'
    (tmp_path / "set.zip.part").write_bytes(CONTENT)
    assert brought(served, tmp_path) == CONTENT


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again(served: Served, tmp_path: Path, status: int):
    served.refusals = [status, status]
    assert brought(served, tmp_path) == CONTENT


@pytest.mark.parametrize("status", [403, 404, 410])
def test_what_is_not_there_is_told_at_once(served: Served, tmp_path: Path, status: int):
    served.refusals = [status]
    with pytest.raises(NotFetched, match=f"is not at {served.url}.*{status}"):
        brought(served, tmp_path)
    assert len(served.asked) == 1


def test_a_wrong_checksum_is_thrown_away(served: Served, tmp_path: Path):
    served.files["set.zip"] = CONTENT[:-1] + b"?"
    with pytest.raises(NotFetched, match=r"wrong checksum.*thrown away"):
        brought(served, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_placed_file_is_used_and_a_wrong_one_is_left(served: Served, tmp_path: Path):
    (tmp_path / "set.zip").write_bytes(CONTENT)
    found = bring(REMOTE, tmp_path, mirror=served.url, progress=Progress())
    assert not found.ours and served.asked == []
    (tmp_path / "set.zip").write_bytes(b"another")
    with pytest.raises(NotFetched, match="is not the published file"):
        brought(served, tmp_path)
    assert (tmp_path / "set.zip").read_bytes() == b"another"


def test_without_a_network_it_is_one_sentence(tmp_path: Path):
    with pytest.raises(NotFetched, match=r"cannot be fetched from .* \(no connection\)") as caught:
        bring(REMOTE, tmp_path, progress=Progress())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mirror", ["file:///etc", "somewhere", "ftp://here", "http://"])
def test_what_is_no_address_is_told_at_once(mirror: str, tmp_path: Path):
    with pytest.raises(NotFetched, match="is no address"):
        bring(REMOTE, tmp_path, mirror=mirror, progress=Progress())


def test_a_server_that_gives_nothing_more_is_given_up(served: Served, tmp_path: Path):
    served.cuts = [2**20] + [0] * 9
    with pytest.raises(NotFetched, match=r"the 1\.0 MB that came are kept"):
        brought(served, tmp_path)
    served.cuts = []
    assert brought(served, tmp_path) == CONTENT


def test_a_slow_server_can_be_left(served: Served, tmp_path: Path):
    served.pause = 0.2
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    with pytest.raises(Cancelled):
        brought(served, tmp_path, report=lambda f, n: None, stop=stop)


def test_an_endless_answer_is_not_read_to_the_end(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(download, "SPARE", 0)
    served.length = False
    small = Remote("set.zip", "", 1000)
    with pytest.raises(NotFetched, match="far larger"):
        bring(small, tmp_path, mirror=served.url, progress=Progress())


def test_a_full_disk_is_seen_before_it_is_filled(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(2**30, 2**30, 1000))
    with pytest.raises(CannotWrite, match=r"has 1\.0 kB free"):
        brought(served, tmp_path)


def test_a_disk_that_fills_meanwhile_keeps_what_came(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(*given: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(download.os, "fsync", full)
        with pytest.raises(CannotWrite, match="disk is full") as caught:
            brought(served, tmp_path)
    assert "\n" not in str(caught.value)
    assert brought(served, tmp_path) == CONTENT


def test_a_folder_that_cannot_be_written_is_told(served: Served, tmp_path: Path):
    (tmp_path / "set.zip.part").mkdir()
    with pytest.raises(CannotWrite, match="cannot be written"):
        brought(served, tmp_path)
