"""A server of files for tests: ranges, cuts, refusals and slowness as a test asks for them."""

from __future__ import annotations

import hashlib
import io
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np


@dataclass
class Served:
    """What a server does; `asked` has the path and range of each request.

    Attributes:
        files: name → content.
        ranges: whether it knows `Range`.
        cuts: after how many bytes the next answers break off, one each.
        refusals: status codes of the next answers, one each.
        etag: of all files; None for none.
        pause: seconds before each block.
        length: whether an answer says how long it is.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    cuts: list[int] = field(default_factory=list)
    refusals: list[int] = field(default_factory=list)
    etag: str | None = '"one"'
    pause: float = 0.0
    length: bool = True
    asked: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""


def handler(served: Served) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name, wanted = self.path.lstrip("/"), self.headers.get("Range", "")
            served.asked.append((name, wanted))
            status = served.refusals.pop(0) if served.refusals else 200
            content = served.files.get(name)
            if content is None or status != 200:
                self.send_error(404 if content is None else status)
                return
            start = 0
            if wanted and served.ranges and self.headers.get("If-Range") == served.etag:
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start and start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-/{len(content)}")
            if served.etag:
                self.send_header("ETag", served.etag)
            if served.length:
                self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            end = start + served.cuts.pop(0) if served.cuts else len(content)
            for at in range(start, min(end, len(content)), 65536):
                time.sleep(served.pause)
                try:
                    self.wfile.write(content[at : min(at + 65536, end)])
                except OSError:  # the client has gone
                    return
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[Served]:
    """A server of these files on a free port of this machine."""
    served = Served(files)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(served))
    server.daemon_threads = True
    served.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def zipped(files: dict[str, bytes], stored: bool = False) -> bytes:
    """A ZIP archive."""
    buffer = io.BytesIO()
    kind = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(buffer, "w", kind) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def arrays(side: int = 28, colour: bool = False, classes: int = 3) -> dict[str, np.ndarray]:
    """Arrays as those of MedMNIST: 12, 6 and 9 images."""
    draw = np.random.default_rng(0)
    found: dict[str, np.ndarray] = {}
    for split, count in (("train", 12), ("val", 6), ("test", 9)):
        shape = (count, side, side, 3) if colour else (count, side, side)
        found[f"{split}_images"] = draw.integers(0, 256, shape, np.uint8)
        found[f"{split}_labels"] = (np.arange(count) % classes).astype(np.uint8)[:, None]
    return found


def npz(**given: np.ndarray) -> bytes:
    """An `.npz` file."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **given)
    return buffer.getvalue()


def md5(content: bytes) -> str:
    """MD5 in hexadecimal digits."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
