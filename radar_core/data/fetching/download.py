"""One file by HTTP: resumed where it was cut, checked, and moved into place when it is whole.

While it comes it is called NAME.part, and NAME.part.json beside it says of which version of the
file it is a part: with that, the rest is asked for by `Range` and `If-Range`, so that no two
versions are mixed. A server that knows no ranges sends the whole file again.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from radar_core.data.fetching.archive import BLOCK, in_words
from radar_core.data.fetching.offers import Remote
from radar_core.errors import CannotWrite, NotFetched
from radar_core.runtime import Progress

if TYPE_CHECKING:
    from requests import Response, Session

TRIES = 4  # in a row without a single new byte
PAUSE = 1.0  # seconds before the second try, doubled before each further one
TIMEOUTS = (10, 60)  # seconds to connect, and between two bytes
PIECE = 2**16  # bytes read at once: on a slow line, one may stop soon
EVERY = 0.1  # seconds between two reports
SPARE = 200 * 2**20  # bytes left free on the disk
AGENT = "RADAR (research software)"
PASSING = (408, 425, 429, 500, 502, 503, 504)  # answers that another try may better


@dataclass(frozen=True)
class Brought:
    """A file that is there and was checked.

    Attributes:
        ours: whether it was downloaded here, and may be thrown away; else somebody placed it.
    """

    remote: Remote
    path: Path
    ours: bool
    bytes: int
    sha256: str


class _Cut(Exception):
    """The connection broke, or the server is busy: worth another try."""


def bring(remote: Remote, folder: Path, *, mirror: str = "", progress: Progress) -> Brought:
    """A file of a set in a folder: found there, or downloaded.

    Args:
        mirror: an address under which files of these names lie; else the publisher's is asked.

    Raises:
        NotFetched: no network, not there, or its checksum is wrong (it is then thrown away).
        CannotWrite: no room, or no permission.
        Cancelled: the watcher asked to stop; what has come stays for the next time.
    """
    place = folder / remote.name
    note = _note(folder, remote)
    placed = place.is_file() and not note.is_file()
    if not place.is_file():
        url = f"{mirror.rstrip('/')}/{remote.name}" if mirror else remote.url
        with written(place):
            _download(remote, url, folder, progress.part(0, 0.95))
            _part(folder, remote).replace(place)
    with written(place):
        md5, sha256 = _digests(place, remote, progress.part(0.95, 1))
    if remote.md5 and md5 != remote.md5:
        if placed:
            raise NotFetched(
                f"{place} is not the published file (its MD5 is {md5}, not {remote.md5}); "
                "put the right one there, or take it away to have it fetched"
            )
        discard(remote, folder)
        raise NotFetched(
            f"{remote.name} came with the wrong checksum (MD5 {md5}, not {remote.md5}) and was "
            "thrown away; try again later, or from a mirror with --mirror"
        )
    return Brought(remote, place, not placed, place.stat().st_size, sha256)


def discard(remote: Remote, folder: Path) -> None:
    """Throw away what was downloaded of a file."""
    for path in (folder / remote.name, _part(folder, remote), _note(folder, remote)):
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def is_ours(remote: Remote, folder: Path) -> bool:
    """Whether a file in the folder was downloaded, not placed there."""
    return _note(folder, remote).is_file()


def begun(remote: Remote, folder: Path) -> int:
    """Bytes of a file that are there."""
    for path in (folder / remote.name, _part(folder, remote)):
        if path.is_file():
            return path.stat().st_size
    return 0


def _download(remote: Remote, url: str, folder: Path, progress: Progress) -> None:
    import requests
    from requests.exceptions import InvalidSchema, InvalidURL, MissingSchema

    part = _part(folder, remote)
    failures = 0
    with requests.Session() as session:
        session.headers.update({"User-Agent": AGENT, "Accept-Encoding": "identity"})
        while True:
            before = part.stat().st_size if part.is_file() else 0
            why = "no new byte came"
            try:
                if _get_rest(session, remote, url, folder, progress):
                    return
            except (MissingSchema, InvalidSchema, InvalidURL):
                raise NotFetched(
                    f"{url[:200]} is no address to fetch from; give one that begins with https://"
                ) from None
            except (_Cut, requests.exceptions.RequestException) as error:
                why = _reason(error)
            after = part.stat().st_size if part.is_file() else 0
            failures = failures + 1 if after <= before else 0
            if failures >= TRIES:
                kept = f"; the {in_words(after)} that came are kept" if after else ""
                raise NotFetched(f"{remote.name} cannot be fetched from {url} ({why}){kept}")
            _wait(PAUSE * 2 ** max(failures - 1, 0), after / max(remote.bytes, after, 1), progress)


def _get_rest(session: Session, remote: Remote, url: str, folder: Path, progress: Progress) -> bool:
    """Ask for what is missing and write it; whether the file is whole then."""
    part, note = _part(folder, remote), _note(folder, remote)
    have, version = _resumable(part, note, url)
    headers = {"Range": f"bytes={have}-", "If-Range": version} if have else {}
    with session.get(url, headers=headers, stream=True, timeout=TIMEOUTS) as answer:
        if answer.status_code == 416:  # nothing beyond what is here: whole, or another file
            total = answer.headers.get("Content-Range", "").rpartition("/")[2]
            if total.isdecimal() and int(total) == have:
                return True
            part.unlink(missing_ok=True)
            raise _Cut("the file has changed on the server")
        if answer.status_code in PASSING:
            raise _Cut(f"the server answers {answer.status_code}")
        if answer.status_code not in (200, 206):
            raise NotFetched(
                f"{remote.name} is not at {url} (the server answers {answer.status_code})"
            )
        start = have if answer.status_code == 206 else 0
        if answer.status_code == 206 and _start(answer) != have:
            part.unlink(missing_ok=True)
            raise _Cut("the server sent another part than was asked for")
        length = answer.headers.get("Content-Length", "")
        total_bytes = start + int(length) if length.isdecimal() else 0
        check_room(folder, (total_bytes or remote.bytes) - start)
        _remember(note, url, answer)
        _stream(answer, part, start, total_bytes or remote.bytes, remote.name, progress)
    size = part.stat().st_size
    if total_bytes and size < total_bytes:
        raise _Cut(f"the connection was cut after {in_words(size)} of {in_words(total_bytes)}")
    return True


def _stream(
    answer: Response, part: Path, start: int, total: int, name: str, progress: Progress
) -> None:
    begin = last = time.monotonic()
    done = start
    with part.open("ab" if start else "wb") as file:
        for block in answer.iter_content(PIECE):
            file.write(block)
            done += len(block)
            if done > 2 * total + SPARE:  # without a length, a server may send for ever
                raise NotFetched(
                    f"{name} is far larger than {in_words(total)}; nothing more of it is read"
                )
            now = time.monotonic()
            if now - last >= EVERY:
                last = now
                rate = (done - start) / max(now - begin, 1e-3)
                progress.step(done / max(total, done), _said(name, done, total, rate))
        file.flush()
        os.fsync(file.fileno())


def _said(name: str, done: int, total: int, rate: float) -> str:
    said = f"{name}: {in_words(done)} of {in_words(max(total, done))}, {in_words(rate)}/s"
    left = (total - done) / rate if rate > 0 else 0
    if left < 1:
        return said
    return said + (f", {left:.0f} s left" if left < 100 else f", {left / 60:.0f} min left")


def _resumable(part: Path, note: Path, url: str) -> tuple[int, str]:
    """Bytes to go on from and the version they belong to; 0 where one has to begin anew."""
    try:
        known = json.loads(note.read_text(encoding="utf-8"))
        have = part.stat().st_size
        version = str(known["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0, ""
    return (have, version) if version and known.get("url") == url else (0, "")


def _remember(note: Path, url: str, answer: Response) -> None:
    """Which version this is. Without a strong ETag or a date, nothing can be gone on with."""
    etag = answer.headers.get("ETag", "")
    version = etag if etag and not etag.startswith("W/") else answer.headers.get("Last-Modified")
    text = json.dumps({"url": url, "version": version or ""})
    note.write_text(text, encoding="utf-8")


def _start(answer: Response) -> int:
    """The first byte that a partial answer holds."""
    first = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    return int(first) if first.isdecimal() else -1


def _digests(path: Path, remote: Remote, progress: Progress) -> tuple[str, str]:
    """MD5 (against accidents, as published) and SHA-256 of a file, in one reading."""
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    size, done = max(path.stat().st_size, 1), 0
    with path.open("rb") as file:
        while block := file.read(8 * BLOCK):
            md5.update(block)
            sha256.update(block)
            done += len(block)
            progress.step(done / size, f"{remote.name}: checked {in_words(done)}")
    return md5.hexdigest(), sha256.hexdigest()


def check_room(folder: Path, needed: int) -> None:
    """Make sure of the room on a disk before it is filled.

    Raises:
        CannotWrite: too little.
    """
    free = shutil.disk_usage(folder).free
    if needed + SPARE > free:
        raise CannotWrite(
            f"the disk of {folder} has {in_words(free)} free, and {in_words(needed + SPARE)} are "
            "needed; make room, or choose another folder with --to"
        )


@contextlib.contextmanager
def written(place: Path) -> Iterator[None]:
    """What the system says about a file that cannot be written, in one sentence."""
    try:
        yield
    except (CannotWrite, NotFetched):
        raise
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        why = "the disk is full" if full else (error.strerror or type(error).__name__)
        raise CannotWrite(
            f"{place} cannot be written ({why}); what has come is kept: make room and run the "
            "same command again"
        ) from None


def _wait(seconds: float, fraction: float, progress: Progress) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        progress.step(fraction, "the connection broke; trying again")
        time.sleep(min(left, 0.1))


def _reason(error: Exception) -> str:
    """Why a try failed, in a few words; the libraries' own are long and nested."""
    import requests

    if isinstance(error, _Cut):
        return str(error)
    if isinstance(error, requests.exceptions.Timeout):
        return "the server does not answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate cannot be checked"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection was cut"
    if isinstance(error, requests.exceptions.ConnectionError):
        return "no connection"
    return "no valid answer"


def _part(folder: Path, remote: Remote) -> Path:
    return folder / f"{remote.name}.part"


def _note(folder: Path, remote: Remote) -> Path:
    return folder / f"{remote.name}.part.json"
