"""The page Screening as Streamlit runs it, with a detector made for real."""

from __future__ import annotations

import io
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from radar_core.data import open_data
from radar_core.detection.detector import figures_of, load_detector
from radar_core.errors import BadModel
from radar_core.models import load_model
from radar_core.runtime import Progress
from radar_core.ui.jobs import device_jobs
from radar_core.uncover import screening as module
from radar_core.uncover.making import Plan, make_detector
from tests.pages.conftest import until

Open = Callable[..., AppTest]
PLAN = Plan(fit=14, tune=7, calibrate=42, attacks=("fgsm",), eps=("8/255",))
QUICK = {"attack": "fgsm", "explain": "saliency", "eps": "8/255"}
HEADING = "What screening says without the clean image"


@pytest.fixture(scope="module")
def detector(toy_models: Path, decided: str) -> Iterator[Path]:
    """The detector beside a model that attacks turn, in the folder of the page's models."""
    for file in Path(decided).parent.glob(f"{Path(decided).stem}.*"):
        shutil.copy(file, toy_models / file.name)
    path = (toy_models / Path(decided).name).with_suffix(".detector")
    make_detector(open_data("phantom"), load_model(decided), PLAN).save(path)
    yield path
    for file in toy_models.glob(f"{path.stem}.*"):
        file.unlink()


def screened(app: Open, model: str = "decided") -> AppTest:
    """The page with that model chosen, once nothing is under way."""
    at = app("screening")
    return shown(at.selectbox(key="screening.model").set_value(model).run())


def shown(at: AppTest) -> AppTest:
    """The page once it says what there is to say."""
    return until(at, lambda at: bool(len(at.metric) == 3 or at.error or at.info))


def said(at: AppTest) -> str:
    return "\n".join(m.value for m in at.markdown)


@pytest.mark.usefixtures("detector")
def test_an_image_gets_a_verdict_its_drivers_and_its_limits(app: Open) -> None:
    at = screened(app)
    assert not at.exception and not at.error
    words = said(at)
    assert any(v in words for v in ("Nothing unusual", "Unusual (", "Cannot tell"))
    assert [m.label for m in at.metric] == ["Reads", "Suspicion", "False alarms"]
    assert "42" in at.metric[2].delta
    assert "another camera" in words
    assert "not a medical device" in words
    titles = [s.value for s in at.subheader]
    assert titles == [
        "When small changes are washed out",
        "The clean images most like it",
        "What this cannot know",
    ]


def test_how_often_it_is_right_stands_below(app: Open, detector: Path) -> None:
    assert any("was not measured" in c for c in said(screened(app)).splitlines())
    row = {"detector": "combined", "attack": "fgsm", "eps": "8/255", "images": 5, "auroc": 0.91}
    row |= {"auroc_low": 0.8, "auroc_high": 0.97, "caught": 0.6}
    alarms = {"images_are": "clean", "images": 20, "false_alarms": 0.05, "cannot_tell": 0.0}
    alarms |= {"false_alarms_low": 0.01, "false_alarms_high": 0.2}
    about = {"data": "phantom", "model": "decided", "images": 20}
    about |= {"detector": load_detector(detector).sha256()}
    kept = figures_of(detector)
    kept.write_text(json.dumps({**about, "detection": [row], "false_alarms": [alarms]}))
    try:
        device_jobs().forget_finished()
        at = screened(app)
        assert any("FGSM" in str(t.value) and "0.910" in str(t.value) for t in at.table)
        assert any("clean" in str(t.value) and "5 %" in str(t.value) for t in at.table)
    finally:
        kept.unlink()
        device_jobs().forget_finished()


@pytest.mark.usefixtures("detector")
def test_an_upload_is_screened_and_what_is_no_image_is_one_sentence(app: Open) -> None:
    at = screened(app)
    at.selectbox(key="screening.data").set_value("upload").run()
    pixels = np.random.default_rng(0).integers(0, 255, (80, 90, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    at.file_uploader(key="file").upload("static.png", buffer.getvalue(), "image/png").run()
    shown(at)
    assert not at.exception and len(at.metric) == 3, said(at)
    at.file_uploader(key="file").upload("notes.png", b"not an image", "image/png").run()
    until(at, lambda at: bool(at.error))
    assert len(at.error) == 1 and not at.metric


@pytest.mark.usefixtures("detector")
def test_of_an_image_of_another_kind_no_suspicion_is_shown(app: Open) -> None:
    at = screened(app)
    at.selectbox(key="screening.data").set_value("upload").run()
    levels = np.linspace(0, 255, 90).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(np.tile(levels[None, :, None], (80, 1, 3))).save(buffer, "PNG")
    at.file_uploader(key="file").upload("grey.png", buffer.getvalue(), "image/png").run()
    shown(at)
    assert "in its colours" in said(at), said(at)
    assert [m.value for m in at.metric][1] == "–"
    assert "they say nothing here" in said(at) and "What raises the suspicion" not in said(at)


@pytest.mark.usefixtures("detector")
def test_a_screening_that_was_stopped_stays_so_until_asked_for(
    app: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    going = threading.Event()

    def slow(*_: object, progress: Progress, **__: object) -> None:
        while not going.wait(0.02):
            progress.step(0.5, "looking")
        raise BadModel("it was let go")

    monkeypatch.setattr(module, "screen", slow)
    at = app("screening")
    at.selectbox(key="screening.image").set_value("phantom-test-0003")  # not screened before
    at.selectbox(key="screening.model").set_value("decided").run()
    until(at, lambda at: any(b.key == "screening.stop" for b in at.button))
    at.button(key="screening.stop").click().run()
    until(at, lambda at: any(b.key == "screening.again" for b in at.button))
    at.run()
    assert not any(b.key == "screening.stop" for b in at.button)
    going.set()
    at.button(key="screening.again").click().run()
    until(at, lambda at: bool(at.error))
    assert "let go" in at.error[0].value


def test_what_nothing_screens_yet_can_be_made_and_stopped(app: Open) -> None:
    at = screened(app, "elsewhere")
    assert any("Nothing screens" in i.value for i in at.info)
    at.button(key="screening.go").click().run()
    until(at, lambda at: bool(at.get("progress")))
    at.button(key="screening.make.stop").click().run()
    until(at, lambda at: not at.get("progress"))
    assert not at.exception and not at.metric


def test_the_detector_of_another_model_is_one_sentence(
    app: Open, detector: Path, toy_models: Path
) -> None:
    other = toy_models / "elsewhere.detector"
    shutil.copy(detector, other)
    try:
        at = screened(app, "elsewhere")
        assert not at.exception and len(at.error) == 1
        assert "made for decided, not for elsewhere" in at.error[0].value
    finally:
        other.unlink()


@pytest.mark.usefixtures("detector")
def test_many_images_are_screened_into_a_table_and_can_be_stopped(app: Open) -> None:
    at = screened(app)
    at.button(key="screening.many").click().run()
    until(at, lambda at: bool(at.dataframe) and len(at.dataframe[0].value) >= 2)
    table = at.dataframe[0].value
    assert list(table["Suspicion"]) == sorted(table["Suspicion"], reverse=True)
    assert set(table["Verdict"]) <= {"usual", "unusual", "cannot tell"}
    if any(b.key == "screening.set.stop" for b in at.button):
        at.button(key="screening.set.stop").click().run()
    until(at, lambda at: not any(b.key == "screening.set.stop" for b in at.button))
    assert not at.exception


def test_a_set_with_an_unreadable_image_names_it(
    detector: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toy_models: Path
) -> None:
    from radar_core.ui.screening_jobs import set_steps

    monkeypatch.setenv("RADAR_DATA", str(tmp_path / "skin"))
    monkeypatch.setenv("RADAR_MODELS", str(toy_models))
    for label in ("mole", "scar"):
        (tmp_path / "skin" / label).mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 255, (80, 90, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "skin" / "mole" / "a.png")
    (tmp_path / "skin" / "scar" / "b.png").write_bytes(b"no picture")
    *_, rows = set_steps(str(tmp_path / "skin"), 5, detector.stem)(Progress())
    assert sorted(row.id for row in rows) == ["mole/a.png", "scar/b.png"]
    bad = next(row for row in rows if row.id == "scar/b.png")
    assert bad.why and not bad.verdict
    assert next(row for row in rows if row.id == "mole/a.png").verdict


@pytest.mark.usefixtures("detector")
def test_a_link_opens_the_same_image(app: Open) -> None:
    at = shown(app("screening", data="phantom", model="decided", image="phantom-test-0005"))
    assert at.selectbox(key="screening.image").value == "phantom-test-0005"
    assert at.selectbox(key="screening.model").value == "decided"
    at.selectbox(key="screening.image").set_value("phantom-test-0002").run()
    shown(at)
    assert at.query_params["image"] == "phantom-test-0002" and not at.warning
    bad = shown(app("screening", data="phantom", model="none", image="no-such-image"))
    words = " ".join(w.value for w in bad.warning)
    assert "'none' is not here" in words and "no image of" in words


def rows(at: AppTest) -> list[str]:
    """Which images its table tells of."""
    tables = [t.value for t in at.table if "Called" in t.value.columns]
    return list(tables[0]["Image"]) if tables else []


def test_both_images_are_screened_as_if_they_stood_alone(app: Open, detector: Path) -> None:
    at = until(app("case", model=detector.stem, **QUICK), lambda at: bool(rows(at)))
    assert rows(at) == ["Clean", "Attacked"]
    assert HEADING in said(at) and "Orthogonal PGD" in said(at)
    assert any(words in said(at) for words in ("noticed", "told one from the other", "cannot tell"))


def test_without_a_detector_it_says_where_one_is_made(app: Open) -> None:
    words = "the page Screening makes it"
    at = until(app("case", model="toy", **QUICK), lambda at: words in said(at))
    assert HEADING in said(at) and not rows(at)
