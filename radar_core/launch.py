"""Start the dashboard's server on this machine."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys

from radar_core.settings import ROOT

HOST = "127.0.0.1"


def dashboard(port: int, *, open_browser: bool) -> int:
    """Serve the dashboard on `HOST` until it is stopped, in place of this process.

    Returns:
        1, with one sentence on standard error, where the port cannot be used. Where it can, this
        process becomes the server and does not return (on Windows: returns the server's status).
    """
    if refusal := refused(port):
        print(f"radar: {refusal}", file=sys.stderr)
        return 1
    print(f"RADAR is on http://{HOST}:{port} (stop with Ctrl+C)", flush=True)
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py")]
    command += [f"--server.address={HOST}", f"--server.port={port}"]
    command += [f"--server.headless={'false' if open_browser else 'true'}"]
    command += ["--server.showEmailPrompt=false", "--logger.hideWelcomeMessage=true"]
    # Idle OpenMP threads otherwise spin for a while after each operation and starve the page.
    environment = {"OMP_WAIT_POLICY": "passive", **os.environ}
    if os.name != "nt":  # there, exec would hand the prompt back while the server goes on
        os.execve(command[0], command, environment)
    return subprocess.call(command, env=environment)


def refused(port: int) -> str | None:
    """Why the server cannot listen on a port, with the next step; None where it can."""
    if not 1 <= port <= 65535:
        return f"a port is a number from 1 to 65535, not {port}; try: make run PORT=8501"
    with socket.socket() as probe:
        if os.name != "nt":  # as the server does; there, the option would let two listen
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            other = port + 1 if 1024 <= port < 65535 else 8501
            if error.errno == errno.EADDRINUSE:
                return (
                    f"port {port} is taken; stop what runs there, "
                    f"or use another: make run PORT={other}"
                )
            return f"port {port} cannot be used ({error.strerror}); try: make run PORT={other}"
    return None
