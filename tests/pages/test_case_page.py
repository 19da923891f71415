"""The case page as a visitor's script run: controls, links, uploads, errors."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import TextInput

from radar_core.ui import address as address_module
from radar_core.ui.text import plain
from tests.data.dicoms import SECRETS, dicom
from tests.pages.conftest import address, command, epsilon, finished, until

Open = Callable[..., AppTest]
QUICK = {"model": "toy", "attack": "fgsm", "explain": "gradcam"}


def value(at: AppTest, row: str) -> str:
    """A cell of the details."""
    for table in at.table:
        if row in table.value.index:
            return str(table.value.loc[row].iloc[0])
    pytest.fail(f"no row {row!r}")


def image_field(at: AppTest) -> TextInput:
    """Where an image is typed."""
    return next(field for field in at.text_input if field.label == "Image")


def png(width: int = 80, height: int = 64) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (180, 120, 90)).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_case_is_computed_and_told(app: Open) -> None:
    at = finished(app("case", **QUICK, eps="8/255"))
    badges = " ".join(m.value for m in at.markdown)
    assert "Synthetic" in badges
    assert "not a medical device" in badges
    assert "true label" in badges
    assert value(at, "L∞ reached").endswith("= 8/255")
    assert at.table[0].value.loc[0, "Explainer"] == "Grad-CAM"
    assert "--attack fgsm --eps 8/255 --explain gradcam" in command(at)


def test_a_link_gives_the_same_numbers_again(app: Open) -> None:
    query = {**QUICK, "attack": "pgd", "pgd.steps": "3", "seed": "7", "image": "5", "eps": "2/255"}
    first = finished(app("case", **query))
    link = address(first)
    assert link["image"] == "phantom-test-0005"
    assert link["pgd.steps"] == "3"
    second = finished(app("case", **link))
    assert value(first, "attacked (sha256)") == value(second, "attacked (sha256)")
    assert first.table[0].value.equals(second.table[0].value)


def test_every_control_is_in_the_address(app: Open) -> None:
    at = app("case", **QUICK)
    epsilon(at).set_value("2/255").run()
    at.selectbox(key="target").set_value("label").run()
    at.number_input(key="seed").set_value(3).run()
    at.selectbox(key="class").set_value("mel").run()
    image_field(at).set_value("11").run()
    at.selectbox(key="attack").set_value("pgd").run()
    at.number_input(key="pgd.steps").set_value(4).run()
    assert not at.exception
    assert address(at) == {
        "model": "toy",
        "explain": "gradcam",
        "eps": "2/255",
        "target": "label",
        "seed": "3",
        "class": "mel",
        "image": "phantom-test-0011",
        "pgd.steps": "4",
    }


@pytest.mark.parametrize(
    ("key", "given", "says"),
    [
        ("data", "/etc", "no data set called"),
        ("model", "../../etc/passwd", "no model called"),
        ("attack", "nuke", "no attack called"),
        ("explain", "tea,leaves", "no explainer called"),
        ("target", "moon", "no choice of class"),
        ("class", "<script>", "no class called"),
        ("show", "x", "no filter called"),
        ("seed", "-4", "seed in the link"),
        ("seed", "9999999999999", "seed in the link"),
        ("fgsm.steps", "3", "does not know 'fgsm.steps'"),
        ("bim.steps", "3", ""),
        ("pgd.momentum", "3", "does not know 'pgd.momentum'"),
        ("pgd.steps", "many", "number"),
        ("unheard", "of", "does not know 'unheard'"),
        ("<script>", "alert(1)", "does not know '<script>'"),
        ("eps", "4" * 10_000, "'eps' is too long"),
        ("image", "../" * 4_000, "'image' is too long"),
        ("data", "x" * 4_000, "no data set called"),
        ("pgd.steps", "<script>" * 9, "number"),
        ("towards", "<script>alert(1)</script>", "no class called"),
        ("as", "tampered", "damaged"),
        ("as", "<script>" * 900, "'as' is too long"),
    ],
)
def test_what_a_link_cannot_have_falls_back_in_one_sentence(
    app: Open, key: str, given: str, says: str
) -> None:
    at = app("case", **{**QUICK, "attack": "pgd", "pgd.steps": "1", key: given})
    assert not at.exception
    assert not at.error
    assert [w.value for w in at.warning if says] == [w.value for w in at.warning]
    assert len(at.warning) == bool(says)
    for again in (False, True):  # it stays until a control is changed
        if again:
            at.run()
        assert (plain(says) in at.warning[0].value) if says else not at.warning
        assert not says or len(at.warning[0].value) < 300
    epsilon(at).set_value("1/255").run()
    assert not at.warning


def test_an_image_that_is_not_there_is_one_sentence(app: Open) -> None:
    at = app("case", **QUICK, image="nobody")
    assert not at.exception
    assert "no image" in at.error[0].value
    image_field(at).set_value("2").run()
    assert not finished(at).error


def test_controls_outlive_a_visit_to_another_page(app: Open) -> None:
    at = app("case", **QUICK, eps="3/255", seed="5")
    root = Path(__file__).resolve().parents[2]
    at.switch_page(str(root / "pages" / "methods.py")).run()
    at.query_params.clear()
    at.switch_page(str(root / "pages" / "case.py")).run()
    assert epsilon(at).value == "3/255"
    assert at.selectbox(key="model").value == "toy"
    assert at.number_input(key="seed").value == 5


@pytest.mark.parametrize("history", [False, True])
def test_a_late_address_undoes_nothing_and_history_goes_back(
    app: Open, monkeypatch: pytest.MonkeyPatch, history: bool
) -> None:
    at = finished(app("case", **QUICK, image="phantom-test-0000"))
    before = address(at)
    image_field(at).set_value("phantom-test-0003").run()
    assert address(at)["image"] == "phantom-test-0003"
    at.query_params["image"] = before["image"]  # as a browser says that has not heard of it yet
    told = SimpleNamespace(is_history_navigation=history)
    monkeypatch.setattr(address_module, "get_script_run_ctx", lambda: told)
    at.run()
    assert image_field(at).value == f"phantom-test-000{0 if history else 3}"


def test_cancelling_stops_and_can_be_undone(app: Open) -> None:
    at = app("case", **{**QUICK, "attack": "pgd", "pgd.steps": "900", "seed": "1"})
    at.button(key="cancel").click().run()
    assert any("Cancelled" in m.value for m in at.markdown)
    at.run()
    assert any("Cancelled" in m.value for m in at.markdown)
    at.button(key="again").click().run()
    assert at.button(key="cancel")
    at.button(key="cancel").click().run()


def test_an_upload_is_read_and_stays_out_of_the_link(app: Open) -> None:
    at = app("case", **QUICK, data="upload")
    assert "stays in memory" in at.info[0].value.lower()
    at.file_uploader(key="file").upload("lesion_1.png", png(), "image/png").run()
    at = finished(at)
    assert any(r"lesion\_1" in s.value for s in at.subheader)
    other = app("case", **address(at))
    assert "choose the file again" in other.error[0].value


def test_of_an_uploaded_stack_a_frame_is_chosen_and_the_patient_is_not_shown(app: Open) -> None:
    values = np.random.default_rng(0).integers(0, 256, (5, 64, 64), np.uint8)
    at = app("case", **QUICK, data="upload")
    at.file_uploader(key="file").upload("scan.dcm", dicom(values, frames=5), "application/dicom")
    at = finished(at.run())
    (frame,) = [slider for slider in at.slider if slider.label == "Frame"]
    assert (frame.min, frame.value, frame.max) == (1, 3, 5)
    before = at.session_state["image"]
    at = finished(frame.set_value(5).run())
    assert at.session_state["image"] != before and not at.error
    assert not any(secret in str(element.value) for element in at.markdown for secret in SECRETS)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.png", b"", "empty"),
        ("a.png", b"<svg onload=alert(1)>", "not a PNG"),
        ("a.png", png()[:60], "damaged"),
        ("<script>alert(1)</script>.png", b"GIF89a", "not a PNG"),
        ("tiny.png", png(4, 4), "at least"),
    ],
)
def test_a_bad_upload_is_one_sentence_and_the_session_goes_on(
    app: Open, name: str, content: bytes, says: str
) -> None:
    at = app("case", **QUICK, data="upload")
    at.file_uploader(key="file").upload(name, content, "image/png").run()
    until(at, lambda at: bool(at.error))
    assert [says in e.value for e in at.error] == [True]
    at.file_uploader(key="file").upload("good.png", png(), "image/png").run()
    assert not finished(at).error


def test_a_folder_of_this_installation_is_offered_and_no_other(
    app: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for label in ("nv", "mel"):
        (tmp_path / label).mkdir()
        for i in range(2):
            Image.new("RGB", (40, 50), (200, 60 * i, 90)).save(tmp_path / label / f"{label}{i}.png")
    (tmp_path / "nv" / "zz.png").write_bytes(b"no image")
    monkeypatch.setenv("RADAR_DATA", str(tmp_path))
    at = finished(app("case", **QUICK, data=str(tmp_path)))
    assert at.selectbox(key="data").value == str(tmp_path)
    assert at.selectbox(key="class").options == ["All classes", "mel", "nv"]
    assert not any("Synthetic" in m.value for m in at.markdown)
    assert any("synthetic images only" in m.value for m in at.markdown)


def test_a_model_that_was_trained_on_the_images_is_named(app: Open) -> None:
    def named(at: AppTest) -> list[str]:
        return [m.value for m in at.markdown if "Trained on these images" in m.value]

    assert not named(app("case", **QUICK))
    at = app("case", **{**QUICK, "model": "elsewhere"})
    assert len(named(at)) == 1
    assert "Phantom reader" in named(at)[0]


def test_the_filter_says_how_many_are_read(app: Open) -> None:
    def said(at: AppTest) -> list[str]:
        return [c.value for c in at.caption if "images read" in c.value]

    at = app("case", **QUICK, show="wrong")
    until(at, lambda at: bool(said(at)) and not said(at)[0].startswith("0 "))
    assert "of 1,400 images read…" in said(at)[0]
    next(c for c in at.get("segmented_control") if c.key == "show").set_value("any").run()
    assert not said(at)


def test_an_attack_can_aim_at_a_class(app: Open) -> None:
    at = app("case", **{**QUICK, "attack": "pgd", "pgd.steps": "3"}, eps="16/255")
    at.selectbox(key="towards").set_value("vasc").run()
    assert address(at)["towards"] == "vasc"
    at = finished(at)
    assert "--towards vasc" in at.code[-1].value
    at.selectbox(key="attack").set_value("sign_noise").run()
    assert not [s for s in at.selectbox if s.key == "towards"]
    assert "towards" not in address(at)


def test_what_a_control_does_is_said_as_harmless(app: Open) -> None:
    at = finished(app("case", **{**QUICK, "attack": "jpeg", "eps": "own"}))
    assert any("has no ε" in m.value for m in at.markdown)
    assert not at.get("plotly_chart")
