"""Commands as processes of their own, which outlive whoever started them; light, without torch."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from radar_core.settings import ROOT


def spawn(command: Sequence[str], typed: str, log: Path, *, anew: bool) -> subprocess.Popen[bytes]:
    """Start a command; all that it says goes to a file.

    Args:
        typed: the command as people type it, the first line of what it says.
        log: in a folder that is made where it is not there.
        anew: whether the file begins anew.

    Raises:
        OSError: the folder or the file cannot be written.
    """
    # Idle OpenMP threads otherwise spin for a while after each operation and starve the pages.
    environment = {**os.environ, "OMP_WAIT_POLICY": "passive"}
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb" if anew else "ab") as out:
        out.write(f"$ {typed}\n".encode())
        out.flush()
        return subprocess.Popen(
            [*command],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=environment,
            start_new_session=True,
        )


def said(log: Path) -> list[str]:
    """What a command has said since it was last started, without that line."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    begun = max((n for n, line in enumerate(lines) if line.startswith("$ ")), default=-1)
    return lines[begun + 1 :]


def complaint(lines: Sequence[str]) -> str:
    """The last error that a command of RADAR named; empty where it named none."""
    errors = [line.removeprefix("radar: ") for line in lines if line.startswith("radar: ")]
    return errors[-1] if errors else ""
