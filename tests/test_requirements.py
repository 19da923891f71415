"""What is imported is pinned, and what is pinned is what runs."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys

import pytest

from radar_core.settings import ROOT

PACKAGE = {"PIL": "pillow", "fpdf": "fpdf2", "skimage": "scikit-image", "sklearn": "scikit-learn"}
PACKAGE |= {"xdist": "pytest-xdist", "pytorch_ood": "pytorch-ood", "mlflow": "mlflow-skinny"}
OURS = {"radar_core", "pages", "app", "tests"}


def pins(name: str) -> dict[str, str]:
    text = (ROOT / name).read_text("utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)$", text, flags=re.MULTILINE))


def imported(*places: str) -> set[str]:
    """The packages from outside that files import, by the name pip knows them by."""
    found: set[str] = set()
    for place in places:
        files = [ROOT / place] if place.endswith(".py") else (ROOT / place).rglob("*.py")
        for path in files:
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Import):
                    found |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    found.add(node.module.split(".")[0])
    return {PACKAGE.get(name, name) for name in found - OURS - sys.stdlib_module_names}


def test_what_the_program_imports_is_pinned():
    assert imported("radar_core", "pages", "app.py") <= set(pins("requirements.txt"))


def test_what_the_tests_import_is_pinned():
    assert imported("tests") <= set(pins("requirements.txt")) | set(pins("requirements-dev.txt"))


@pytest.mark.parametrize(
    ("name", "version"), {**pins("requirements.txt"), **pins("requirements-dev.txt")}.items()
)
def test_what_is_pinned_is_what_runs(name: str, version: str):
    assert importlib.metadata.version(name).split("+")[0] == version
