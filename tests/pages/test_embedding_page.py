"""The embedding: computed here or of an experiment; what its component is given and tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from radar_core.ui import embedding_body
from radar_core.view.blob import unpack
from tests.experiments.synthetic import write_points
from tests.pages.conftest import until

Open = Callable[..., AppTest]


class Shown:
    """Stands for the component: keeps what it was given, says what it is told to say."""

    def __init__(self) -> None:
        self.header: dict[str, Any] = {}
        self.arrays: dict[str, bytes] = {}
        self.says: dict[str, Any] = {}

    def __call__(self, *, key: str, data: bytes, **_: object) -> SimpleNamespace:
        self.header, self.arrays = unpack(data)
        said, self.says = self.says, {}
        return SimpleNamespace(**{"open": None, "lasso": None, "thumb": None, **said})

    def codes(self, name: str, kind: str = "<u2") -> np.ndarray[Any, Any]:
        return np.frombuffer(self.arrays[name], kind)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shown]:
    stand_in = Shown()
    monkeypatch.setattr(embedding_body, "_mount", stand_in)
    yield stand_in
    for owner, slot in slots():
        embedding_body.layout_jobs().release(owner, slot)


def slots() -> list[tuple[str, str]]:
    """Who waits for what."""
    return list(embedding_body.layout_jobs()._slots)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RADAR_EXPERIMENTS", str(tmp_path))
    write_points(tmp_path / "kept", 12)
    return tmp_path


def of_experiment(app: Open, shown: Shown) -> AppTest:
    at = app("embedding")
    at.selectbox(key="embedding.source").select("kept").run()
    return until(at, lambda _: bool(shown.header))


def test_images_are_attacked_when_asked_for(
    app: Open, shown: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RADAR_EXPERIMENTS", str(tmp_path))
    at = app("embedding")
    assert not shown.header
    at.selectbox(key="embedding.model").select("toy").run()
    at.selectbox(key="embedding.attack").select("fgsm").run()
    at.selectbox(key="embedding.images").select(50).run()
    at.button(key="embedding.go").click().run()
    until(at, lambda _: bool(shown.header))
    assert len(shown.codes("clean", "<i4")) == 100
    assert shown.header["names"]["attack"] == ["", "fgsm"]
    assert any("of the variance" in m.value for m in at.markdown)


def test_the_points_of_an_experiment_say_what_they_are(app: Open, shown: Shown, kept: Path) -> None:
    of_experiment(app, shown)
    names = shown.header["names"]
    assert names["eps"] == ["", "2/255", "4/255", "8/255"]
    clean = shown.codes("clean", "<i4")
    assert (shown.codes("attack")[clean] == 0).all()  # where an arrow begins, nothing is attacked
    assert (shown.codes("image", "<i4")[clean] == shown.codes("image", "<i4")).all()
    assert len(shown.codes("xy", "<f4")) == 2 * len(clean) == 2 * 48


def test_a_loop_gives_its_table_and_a_click_the_case(app: Open, shown: Shown, kept: Path) -> None:
    at = of_experiment(app, shown)
    shown.says = {"lasso": {"points": [0, 3]}}
    at.run()
    table = at.dataframe[0].value
    assert list(table.Image) == [
        shown.header["pictures"][n] for n in shown.codes("image", "<i4")[[0, 3]]
    ]
    point = int(np.flatnonzero(shown.codes("eps") == 2)[5])
    image = shown.header["pictures"][shown.codes("image", "<i4")[point]]
    shown.says = {"open": {"point": point}}
    at.run()
    assert at.session_state["image"] == image
    assert (at.session_state["attack"], at.session_state["eps"]) == ("pgd", "4/255")


def test_what_is_stopped_stays_so_until_one_goes_on(app: Open, shown: Shown, kept: Path) -> None:
    at = of_experiment(app, shown)
    at.selectbox(key="embedding.method").select("tsne").run()
    at.button(key="embedding.stop").click().run()
    assert any("Stopped." in m.value for m in at.markdown)
    assert not any(slot == embedding_body.PLANE_SLOT for _, slot in slots())
    at.run()
    assert not any(slot == embedding_body.PLANE_SLOT for _, slot in slots())
    shown.header = {}
    at.button(key="embedding.on").click().run()
    until(at, lambda _: bool(shown.header))
    assert any("means nothing" in m.value for m in at.markdown)
