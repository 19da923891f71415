"""A small untrained model, and the app as Streamlit runs it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Selectbox

from radar_core.ui import warm
from radar_core.ui.jobs import (
    adoption_jobs,
    device_jobs,
    fetch_jobs,
    picture_jobs,
    summary_jobs,
)
from radar_core.ui.polling import DRAWN
from tests.pages.toy import write_toy_model

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120.0  # seconds


@pytest.fixture(scope="session", autouse=True)
def _components() -> Iterator[None]:
    """What is installed is searched for Streamlit's components once, not for each page opened."""
    found = manifest_scanner.scan_component_manifests()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", lambda *_: [*found])
        yield


@pytest.fixture(scope="session")
def toy_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the model `toy`, `unlayered` that Grad-CAM cannot explain, and `elsewhere`."""
    folder = tmp_path_factory.mktemp("models")
    write_toy_model(folder)
    write_toy_model(folder, "unlayered", cam_layer="classifier")
    write_toy_model(folder, "elsewhere", trained_on="photographs")
    return folder


@pytest.fixture
def app(toy_models: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., AppTest]]:
    """Open a page with an address; the server is warm."""
    monkeypatch.setenv("RADAR_MODELS", str(toy_models))
    assert warm.start().ready.wait(60)

    def open_page(page: str = "", /, **query: str) -> AppTest:
        at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30)
        at.session_state[DRAWN] = True  # no browser is there to draw pictures first
        for key, value in query.items():
            at.query_params[key] = value
        if page:  # at once: the page of the case would begin to compute one
            at.switch_page(str(ROOT / "pages" / f"{page}.py"))
        return at.run()

    yield open_page
    for store in (
        device_jobs(),
        picture_jobs(),
        fetch_jobs(),
        adoption_jobs(),
        summary_jobs(),
    ):  # or the next test waits for this one's work
        for owner, slot in list(store._slots):
            store.release(owner, slot)


def until(at: AppTest, there: Callable[[AppTest], bool]) -> AppTest:
    """The page once what is waited for is there, however slow the machine."""
    ends, pause = time.monotonic() + PATIENCE, 0.05
    while time.monotonic() < ends:
        assert not at.exception
        if there(at):
            return at
        time.sleep(pause)
        pause = min(1.3 * pause, 0.4)  # to run a page takes time from what it waits for
        at.run()
    pytest.fail(f"never came: {[m.value for m in at.markdown]} {[e.value for e in at.error]}")


def command(at: AppTest) -> str:
    """The command line of the case."""
    return next(code.value for code in at.code if "radar_core case" in code.value)


def finished(at: AppTest) -> AppTest:
    """The page once the case has been computed."""
    return until(at, lambda at: any("device. Took" in m.value for m in at.markdown))


def address(at: AppTest) -> dict[str, str]:
    """What stands in the address."""
    return {k: v if isinstance(v, str) else v[0] for k, v in dict(at.query_params).items()}


def epsilon(at: AppTest) -> Selectbox:
    """The select box of ε."""
    (found,) = (box for box in at.selectbox if box.label.startswith("ε, "))
    return found


def followed(at: AppTest) -> AppTest:
    """The page once the case is computed at every ε."""

    def told(at: AppTest) -> bool:
        said = any("smallest ε found" in m.value or "No ε up to" in m.value for m in at.markdown)
        return said and not any(b.key == "curve.stop" for b in at.button)

    return until(finished(at), told)
