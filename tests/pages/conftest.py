"""A small untrained model, and the app as Streamlit runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

from radar_core.data.phantom import CLASSES
from radar_core.models import Classifier, save_model
from radar_core.models.zoo import build
from radar_core.settings import settings
from radar_core.ui import warm

ROOT = Path(__file__).resolve().parents[2]
SIDE = 64


def write_toy_model(folder: Path, name: str = "toy") -> None:
    """A seeded, untrained network of the zoo: quick, and deterministic."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = build("mobilenet_v3_small", len(CLASSES))
    model = Classifier(module.eval(), CLASSES, cam_layer="features", input_size=SIDE, name=name)
    card = {"architecture": "mobilenet_v3_small", "title": "Toy", "trained_on": "phantom"}
    save_model(model, folder / f"{name}.safetensors", card)


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
