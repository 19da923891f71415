"""The gallery: what it shows of a survey, filters and order in the address, stop and go on."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from radar_core.ui import gallery_body, gallery_jobs
from radar_core.view.blob import unpack
from tests.pages.conftest import address, until
from tests.toys import images

Open = Callable[..., AppTest]


class Shown:
    """Stands for the component: keeps what it was given."""

    def __init__(self) -> None:
        self.header: dict[str, Any] = {}
        self.pictures: dict[str, bytes] = {}

    def __call__(self, *, key: str, data: bytes, **_: object) -> SimpleNamespace:
        self.header, self.pictures = unpack(data)
        return SimpleNamespace(page=None, open=None)

    @property
    def ids(self) -> list[str]:
        return [item["id"] for item in self.header["items"]]

    def values(self, name: str) -> list[Any]:
        return [item[name] for item in self.header["items"]]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    stand_in = Shown()
    monkeypatch.setattr(gallery_body, "_mount", stand_in)
    return stand_in


def write_set(folder: Path, count: int) -> str:
    """So many pictures, half of them of each of two classes, and one file that is none."""
    pictures = (images(count) * 255).byte().permute(0, 2, 3, 1).numpy()
    for number in range(count):
        place = folder / ("mel", "nv")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pictures[number]).save(place / f"{number:02d}.png")
    (folder / "nv" / "none.png").write_bytes(b"no image")
    return str(folder)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty pictures, and beside them what is found of them: the first test surveys them."""
    place = tmp_path_factory.mktemp("gallery")
    write_set(place / "set", 60)
    return place


@pytest.fixture
def folder(shared: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The sixty pictures, offered as data."""
    monkeypatch.setenv("RADAR_DATA", str(shared / "set"))
    monkeypatch.setenv("RADAR_SURVEYS", str(shared / "surveys"))
    return str(shared / "set")


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A dozen pictures that nobody has surveyed."""
    monkeypatch.setenv("RADAR_DATA", str(tmp_path / "set"))
    monkeypatch.setenv("RADAR_SURVEYS", str(tmp_path / "surveys"))
    return write_set(tmp_path / "set", 12)


def surveyed(at: AppTest) -> bool:
    return any("are read and attacked" in m.value for m in at.markdown)


def test_every_image_is_surveyed_sorted_and_filtered(app: Open, shown: Shown, folder: str) -> None:
    at = until(app("gallery", data=folder, model="toy"), surveyed)
    at = until(at, lambda _: len(shown.pictures) == 48)
    assert shown.header["range"] == "1–48 of 61" and shown.header["pages"] == 2
    assert any("1 cannot be read" in m.value for m in at.markdown)
    assert [cell[0] for cell in shown.header["strip"]] == [
        *("Images", "Read right", "Turned by FGSM at 2/255"),
        *("Median smallest flipping ε", "Median focus kept"),
    ]
    assert all(shown.values("read")) and None not in shown.values("focus")

    at.selectbox(key="gallery.sort").set_value("sure").run()
    rising = shown.values("sure")
    assert rising == sorted(rising)
    at.toggle(key="gallery.falling").set_value(True).run()
    falling = shown.values("sure")
    assert falling == sorted(falling, reverse=True) and falling[0] >= rising[-1]
    at.button_group(key="gallery.show").set_value("wrong").run()
    assert shown.ids and set(shown.values("mark")) == {"wrong"}
    at.selectbox(key="gallery.class").set_value("mel").run()
    assert all(id.startswith("mel/") for id in shown.ids)
    assert address(at) == {
        **{"data": folder, "model": "toy", "sort": "sure", "falling": "yes"},
        **{"show": "wrong", "class": "mel"},
    }
    at.slider(key="gallery.sure").set_value((0.95, 1.0)).run()
    assert not shown.ids and shown.header["none"] == "No image fits these filters."
    assert address(at)["sure"] == "0.95-1"
    at.button(key="gallery.clear_all").click().run()
    assert shown.header["range"] == "1–48 of 61"
    assert set(address(at)) == {"data", "model", "sort", "falling"}


def test_a_link_gives_the_same_images(app: Open, shown: Shown, folder: str) -> None:
    at = until(app("gallery", data=folder, model="toy", sort="sure", page="2"), surveyed)
    second = until(at, lambda _: shown.header["page"] == 1) and shown.ids
    assert len(second) == 13 and second[-1] == "nv/none.png"
    again = app("gallery", **address(at))
    until(again, surveyed)
    assert shown.ids == second
    assert not again.warning


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"sort": "beauty"}, "There is no sort 'beauty' here"),
        ({"sure": "9-2"}, "sure '9-2' means nothing here"),
        ({"page": "-3"}, "page '-3' means nothing here"),
        ({"data": "/etc"}, "There is no data '/etc' here"),
        ({"model": "gone"}, "There is no model 'gone' here"),
    ],
)
def test_what_a_link_cannot_mean_is_one_sentence(
    app: Open, shown: Shown, folder: str, given: dict[str, str], words: str
) -> None:
    at = app("gallery", **{"data": folder, "model": "toy", **given})
    assert words in " ".join(w.value for w in at.warning).replace("\\", "")
    assert not at.exception


def test_the_words_of_a_case_do_not_undo_the_filters(app: Open, shown: Shown, folder: str) -> None:
    at = until(app("gallery", data=folder, model="toy", show="wrong"), surveyed)
    at.query_params.clear()
    for name, value in {"data": "phantom", "image": "x", "attack": "fgsm"}.items():
        at.query_params[name] = value
    at.run()
    assert address(at) == {"data": folder, "model": "toy", "show": "wrong"}


def test_stopped_and_gone_on_with(
    app: Open, shown: Shown, fresh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = gallery_jobs.survey_steps

    def slow(*args: Any, compute: bool) -> Any:
        def slowly(progress: Any) -> Any:
            for number, state in enumerate(steps(*args, compute=compute)(progress)):
                yield state
                if compute and number == 6:  # read, and attacked a little
                    while True:
                        progress.step(0.5, "held up")
                        time.sleep(0.02)
                        yield state

        return slowly

    monkeypatch.setattr(gallery_body, "survey_steps", slow)
    at = app("gallery", data=fresh, model="toy")
    at = until(at, lambda at: any(b.key == "gallery.stop" for b in at.button))
    at = until(at, lambda _: any(value is not None for value in shown.values("focus")))
    at.button(key="gallery.stop").click().run()
    at = until(at, lambda at: any("Stopped" in m.value for m in at.markdown))
    until(at, lambda _: any(value is not None for value in shown.values("focus")))
    monkeypatch.setattr(gallery_body, "survey_steps", steps)
    at.button(key="gallery.go").click().run()
    until(at, surveyed)


def test_data_that_cannot_be_used_is_one_sentence(
    app: Open, shown: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("RADAR_DATA", str(tmp_path / "empty"))
    at = app("gallery", data=str(tmp_path / "empty"))
    assert len(at.error) == 1 and "holds no images" in at.error[0].value.replace("\\", "")
    assert not shown.header


def test_pictures_none_of_which_can_be_read(app: Open, shown: Shown, fresh: str) -> None:
    for file in Path(fresh).rglob("*.png"):
        file.write_bytes(b"no image")
    at = app("gallery", data=fresh, model="toy")
    until(at, lambda at: any("can be read" in m.value for m in at.markdown))


@pytest.mark.parametrize(
    ("browser", "folded"),
    [
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", 1),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36", 0),
    ],
    ids=["phone", "desk"],
)
def test_a_phone_sees_pictures_before_filters(
    app: Open,
    shown: Shown,
    folder: str,
    monkeypatch: pytest.MonkeyPatch,
    browser: str,
    folded: int,
) -> None:
    headers = property(lambda _: {"User-Agent": browser})
    monkeypatch.setattr(type(st.context), "headers", headers)
    at = until(app("gallery", data=folder, model="toy", form="list"), surveyed)
    assert shown.header["form"] == "list"
    places = [e for e in at.expander if e.label.startswith("Filters")]
    assert len(places) == folded and not any(e.proto.expanded for e in places)
    within = [s.label for e in places for s in e.selectbox]
    assert within[:2] == ["True class", "Sort by"][: 2 * folded]
    at = at.selectbox(key="gallery.class").select("mel").run()
    assert set(shown.values("truth")) == {"mel"}
