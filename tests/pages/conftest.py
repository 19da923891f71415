"""A small untrained model, and the app as Streamlit runs it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from radar_core.settings import settings
from radar_core.ui import warm
from tests.pages.toy import write_toy_model

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def toy_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the model `toy`, and `unlayered` that Grad-CAM cannot explain."""
    folder = tmp_path_factory.mktemp("models")
    write_toy_model(folder)
    write_toy_model(folder, "unlayered", cam_layer="classifier")
    return folder


@pytest.fixture
def app(toy_models: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., AppTest]]:
    """Open a page with an address; the server is warm."""
    monkeypatch.setenv("RADAR_MODELS", str(toy_models))
    settings.cache_clear()
    assert warm.start().ready.wait(60)

    def open_page(page: str = "", **query: str) -> AppTest:
        at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30)
        for key, value in query.items():
            at.query_params[key] = value
        at.run()
        return at.switch_page(str(ROOT / "pages" / f"{page}.py")).run() if page else at

    yield open_page
    settings.cache_clear()


def finished(at: AppTest) -> AppTest:
    """The page once the case has been computed."""
    for _ in range(200):
        assert not at.exception
        if any("device. Took" in m.value for m in at.markdown):
            return at
        time.sleep(0.1)
        at.run()
    pytest.fail(f"never finished: {[m.value for m in at.markdown]} {[e.value for e in at.error]}")


def address(at: AppTest) -> dict[str, str]:
    """What stands in the address."""
    return {k: v if isinstance(v, str) else v[0] for k, v in dict(at.query_params).items()}


def followed(at: AppTest) -> AppTest:
    """The page once the case is computed at every ε."""
    at = finished(at)
    for _ in range(300):
        assert not at.exception
        said = any("smallest ε found" in m.value or "No ε up to" in m.value for m in at.markdown)
        if said and not any(b.key == "curve.stop" for b in at.button):
            return at
        time.sleep(0.1)
        at.run()
    pytest.fail(f"never finished: {[m.value for m in at.markdown]}")
