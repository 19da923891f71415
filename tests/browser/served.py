"""The dashboard as a process of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.pages.toy import write_toy_model

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60


@dataclass
class Server:
    """A running dashboard: its address, its folders, its process."""

    url: str
    models: Path
    stories: Path
    experiments: Path
    pid: int
    started: float


@contextlib.contextmanager
def serving(
    folders: pytest.TempPathFactory,
    *,
    port: int = 0,
    end: signal.Signals = signal.SIGTERM,
    **environment: str,
) -> Iterator[Server]:
    """The dashboard, in its own process group; its log is shown on failure.

    Args:
        port: a free one without any.
        end: how it goes down.
        environment: settings beside those that every test has.
    """
    models, stories = folders.mktemp("models"), folders.mktemp("stories")
    write_toy_model(models)
    write_toy_model(models, "unlayered", cam_layer="classifier")
    log = folders.mktemp("server") / "server.log"
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    own = {"RADAR_MODELS": str(models), "RADAR_DATA": "", "RADAR_STORIES": str(stories)}
    places = {name: folders.mktemp(name) for name in ("experiments", "readers", "surveys")}
    own |= {f"RADAR_{name.upper()}": str(folder) for name, folder in places.items()}
    environment = {**os.environ, **own, **environment}
    with log.open("w") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=out, stderr=out, start_new_session=True
        )
    started = time.monotonic()
    try:
        while not healthy(url):
            if process.poll() is not None or time.monotonic() - started > START_SECONDS:
                pytest.fail("the server did not start:\n" + log.read_text())
            time.sleep(0.05)
        yield Server(url, models, stories, places["experiments"], process.pid, time.monotonic())
    finally:
        if process.poll() is None:
            os.killpg(process.pid, end)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    assert "Traceback" not in log.read_text(), log.read_text()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def healthy(url: str) -> bool:
    """Whether a server answers."""
    with contextlib.suppress(OSError):
        answer: int = urllib.request.urlopen(f"{url}/_stcore/health", timeout=1).status
        return answer == 200
    return False
