"""A small untrained model, and the app as Streamlit runs it."""

from __future__ import annotations

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
    """A folder with the model `toy`."""
    folder = tmp_path_factory.mktemp("models")
    write_toy_model(folder)
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
