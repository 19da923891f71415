"""`make run` and `make test`: install once, again when the pins change, in a path with a space."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from radar_core.settings import ROOT

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="no make on the path")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The Makefile in a folder with a space, and a .venv whose Python notes what it is asked."""
    folder = tmp_path / "a folder"
    (folder / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "requirements.txt").write_text("one==1\n")
    (folder / "requirements-dev.txt").write_text("-r requirements.txt\ntwo==2\n")
    python = folder / ".venv" / "bin" / "python"
    python.write_text('#!/bin/sh\necho "$@" >> asked.txt\n')
    python.chmod(0o755)
    return folder


def make(folder: Path, *words: str) -> tuple[int, str]:
    done = subprocess.run(["make", *words], cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def asked(folder: Path) -> list[str]:
    """What the Python of .venv was asked since the last look, but for whether it has pip."""
    log = folder / "asked.txt"
    lines = log.read_text().splitlines() if log.exists() else []
    log.unlink(missing_ok=True)
    return [line.removeprefix("-m ") for line in lines if line != "-c import pip"]


PIP = "pip install --disable-pip-version-check --no-compile -r"
PYTEST = "pytest --numprocesses 2 --timeout 300"


def test_run_installs_once_and_again_when_the_pins_change(checkout: Path):
    assert make(checkout, "run")[0] == 0
    assert asked(checkout) == [f"{PIP} requirements.txt", "radar_core dashboard --port 8501"]
    assert make(checkout, "run", "PORT=8600")[0] == 0
    assert asked(checkout) == ["radar_core dashboard --port 8600"]
    (checkout / "requirements.txt").write_text("one==1.1\n")
    make(checkout, "run")
    assert asked(checkout)[0] == f"{PIP} requirements.txt"


def test_test_checks_everything_and_installs_once(checkout: Path):
    assert make(checkout, "test")[0] == 0
    checks = ["ruff check .", "ruff format --check .", "mypy", PYTEST]
    assert asked(checkout) == [f"{PIP} requirements.txt", f"{PIP} requirements-dev.txt", *checks]
    assert make(checkout, "test")[0] == 0
    assert asked(checkout) == checks


def test_a_failed_install_is_tried_again(checkout: Path):
    python = checkout / ".venv" / "bin" / "python"
    works = python.read_text()
    python.write_text(works + 'test "$2" != pip\n')
    assert make(checkout, "run")[0] != 0
    assert asked(checkout) == [f"{PIP} requirements.txt"]
    python.write_text(works)
    assert make(checkout, "run")[0] == 0
    assert asked(checkout)[0] == f"{PIP} requirements.txt"


def test_an_old_or_missing_python_is_said_in_one_sentence(checkout: Path):
    shutil.rmtree(checkout / ".venv")
    old = checkout / "old python"
    old.write_text('#!/bin/sh\ntest "$1" = --version && echo Python 3.9.2\n')
    old.chmod(0o755)
    for python, found in (("./old python", "Python 3.9.2"), ("/nowhere/python", "not there")):
        code, said = make(checkout, "run", f"PYTHON={python}")
        assert code != 0
        assert (
            f"RADAR needs Python 3.11 or newer, and {python} is {found}; "
            "install one and name it: make run PYTHON=python3.12\n"
        ) in said
        assert not (checkout / ".venv").exists()
