"""Starting the dashboard: what is run, and one sentence where the port cannot be used."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator

import pytest

from radar_core import launch
from radar_core.cli import main
from radar_core.settings import ROOT


class Started(Exception):
    """Stands for the moment when this process becomes the server."""


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, str]]]:
    """Records what would be run."""
    calls: list[tuple[list[str], dict[str, str]]] = []

    def replace(program: str, command: list[str], environment: dict[str, str]) -> None:
        assert program == sys.executable
        calls.append((command, environment))
        raise Started

    monkeypatch.setattr(os, "execve", replace)
    return calls


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that something listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def free(taken: int) -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_serves_this_machine_only(started: list, free: int, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(Started):
        launch.dashboard(free, open_browser=True)
    assert capsys.readouterr().out == f"RADAR is on http://127.0.0.1:{free} (stop with Ctrl+C)\n"
    command, environment = started[0]
    assert command[:5] == [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py")]
    assert {"--server.address=127.0.0.1", f"--server.port={free}"} <= set(command)
    assert "--server.headless=false" in command
    assert environment["OMP_WAIT_POLICY"] == os.environ.get("OMP_WAIT_POLICY", "passive")


def test_may_leave_the_browser_alone(started: list, free: int):
    with pytest.raises(Started):
        main(["dashboard", "--port", str(free), "--no-browser"])
    assert "--server.headless=true" in started[0][0]


def test_a_taken_port_is_said_with_the_next_step(
    started: list, taken: int, capsys: pytest.CaptureFixture[str]
):
    assert main(["dashboard", "--port", str(taken)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        f"radar: port {taken} is taken; stop what runs there, "
        f"or use another: make run PORT={taken + 1}\n"
    )
    assert not started


@pytest.mark.parametrize("port", [0, -1, 65536, 10**9])
def test_what_is_no_port_is_said(started: list, port: int, capsys: pytest.CaptureFixture[str]):
    assert launch.dashboard(port, open_browser=False) == 1
    assert "a port is a number from 1 to 65535" in capsys.readouterr().err


def test_a_port_that_may_not_be_used_is_said(monkeypatch: pytest.MonkeyPatch):
    class Refusing(socket.socket):
        def bind(self, _: object) -> None:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket, "socket", Refusing)
    assert launch.refused(80) == (
        "port 80 cannot be used (Permission denied); try: make run PORT=8501"
    )
