"""Which cases the server shows the next browser first, before that has started Streamlit."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from streamlit.testing.v1 import AppTest

from radar_core.ui import first_look
from radar_core.view.blob import unpack
from tests.pages.conftest import address, finished
from tests.pages.test_case_page import QUICK, png

Open = Callable[..., AppTest]


def test_a_case_is_kept_under_its_address_once_it_is_done(app: Open) -> None:
    first_look.forget()
    at = finished(app("case", **QUICK, eps="7/255", image="phantom-test-0002"))
    look = first_look.find(urlencode(address(at)))
    assert look is not None and (look.data, look.model) == ("phantom", "toy")
    name, *beside = look.heading
    assert name == "phantom-test-0002" and {"FGSM", "Synthetic"} <= set(beside)
    assert look.said.startswith("Research software, not a medical device.")
    header, pictures = unpack(look.blob)
    assert header["stage"] == "done" and not header.get("look") and "frames" not in header
    assert {"clean-image", "attacked-image", "attacked-gradcam"} <= set(pictures)
    assert first_look.find(urlencode({**address(at), "eps": "6/255"})) is None


def test_of_the_first_image_the_address_need_not_name_it(app: Open) -> None:
    first_look.forget()
    at = finished(app("case", **QUICK, eps="7/255", view="look"))
    named = address(at)
    bare = {key: value for key, value in named.items() if key != "image"}
    assert named != bare
    look = first_look.find(urlencode(bare))
    assert look is not None and look is first_look.find(urlencode(named))
    assert unpack(look.blob)[0]["look"] and "CPU" not in look.said


def test_an_upload_is_its_own_visit_s(app: Open) -> None:
    first_look.forget()
    at = app("case", **QUICK, data="upload")
    at.file_uploader(key="file").upload("lesion_1.png", png(), "image/png").run()
    at = finished(at)
    assert first_look.find(urlencode(address(at))) is None
    assert not first_look._looks
