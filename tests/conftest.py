"""How every test runs: few threads, no screen, shapes checked, and what a machine lacks skipped."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# Before torch and matplotlib are imported: they read these once.
os.environ.setdefault("OMP_NUM_THREADS", "1")  # two processes, and what they start, share two cores
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("MPLBACKEND", "Agg")
# What a machine has must not change what a test sees; tests marked `cuda` name their device.
os.environ.setdefault("RADAR_DEVICE", "cpu")
os.environ.setdefault("RADAR_FETCHED", "/nowhere/fetched")
os.environ.setdefault("RADAR_SURVEYS", "/nowhere/surveys")
os.environ.setdefault("RADAR_READERS", "/nowhere/readers")
os.environ.setdefault("RADAR_EXPERIMENTS", "/nowhere/experiments")

from jaxtyping import install_import_hook

import tests.shapes

ROOT = Path(__file__).resolve().parents[1]
REAL_DATA = Path(os.environ.get("RADAR_REAL_DATA") or ROOT.parent / "shared" / "data")
CHROMIUM = shutil.which("chromium")
BROWSER_SECONDS = 200  # the longest takes 60 here
LONGEST = ("browser", "experiments", "uncover", "pages", "attacks")

# The numerical packages: their shape annotations are checked at every call while tests run.
install_import_hook(
    [
        f"radar_core.{package}"
        for package in ("attacks", "explainers", "evaluation", "metrics", "localisation", "models")
    ],
    f"{tests.shapes.__name__}.checked",
)


class Scheduling(LoadScopeScheduling):
    """One process runs all tests in the browser; whoever is free takes the next file of the others.

    The browser's tests share a server and want the machine to themselves as far as that goes; the
    tests of another file share what it makes once. (`--dist loadgroup` of pytest-xdist 3.8 groups
    nothing under pytest 9.2.)
    """

    def _split_scope(self, nodeid: str) -> str:
        return "browser" if nodeid.startswith("tests/browser/") else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    """Tests are shared out so by `--dist load`, in the order below."""
    config.option.loadscopereorder = False
    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no process waits for another at the end.

    What this machine cannot run is skipped, with the reason; CI has to have a browser. A test in
    the browser shares two cores with a server, a browser and another process: where it fails, it
    is tried once more, and what it failed with first is shown all the same.
    """
    items.sort(key=_turn)
    for item in items:
        if item.get_closest_marker("cuda") and not _cuda():
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))
        if item.get_closest_marker("real") and not REAL_DATA.is_dir():
            item.add_marker(pytest.mark.skip(reason=f"no real images at {REAL_DATA}"))
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))
            # Of the function alone: then the second try has a limit too.
            item.add_marker(pytest.mark.timeout(BROWSER_SECONDS, func_only=True))
            if not CHROMIUM and not os.environ.get("CI"):
                item.add_marker(pytest.mark.skip(reason="no chromium on the path"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what the tests that were tried once more had failed with."""
    ends = [report for report in terminalreporter.stats.get("", []) if report.when == "teardown"]
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.section(f"tried once more: {report.nodeid}", sep="_")
        terminalreporter.write_line(report.longreprtext)
        own = (r for r in ends if r.nodeid == report.nodeid and r.rerun == report.rerun)
        end = next(own, report)
        for name, text in {**dict(report.sections), **dict(end.sections)}.items():
            terminalreporter.write_line(f"{name}:\n{text}")


def _turn(item: pytest.Item) -> int:
    folder = item.nodeid.split("/")[1]
    return LONGEST.index(folder) if folder in LONGEST else len(LONGEST)


def _cuda() -> bool:
    import torch

    return torch.cuda.is_available()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real images; for tests marked `real`."""
    return REAL_DATA


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's executable; for tests marked `browser`."""
    assert CHROMIUM, "no chromium on the path: install Debian's package, or run .ci/run as root"
    return CHROMIUM


@pytest.fixture(scope="session")
def decided(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The file of a model that is sure of what it reads."""
    from radar_core.models import save_model
    from tests import toys

    folder = tmp_path_factory.mktemp("decided")
    card = {"architecture": "mobilenet_v3_small", "title": "Decided", "trained_on": "phantom"}
    save_model(toys.decided(), folder / "decided.safetensors", card)
    return str(folder / "decided.safetensors")
