"""Along ε without the server, the line between clean and attacked, flicker, an old browser."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from radar_core.case import CaseSpec, CurveResult, run_curve
from radar_core.data import open_data
from radar_core.models import load_model
from radar_core.pictures import to_pixels
from tests.browser.conftest import Server, Visit, canvas, drawn

pytestmark = pytest.mark.browser
Begin = Callable[..., Visit]
CASE = "/case?model=toy&attack=pgd&pgd.steps=3&explain=gradcam,shap&shap.samples=8"
ALL_READY = ".ticks i.ready:nth-child(11)"
IMAGE = "[data-tile=attacked-image]"
RESTS = 0.3  # seconds that the slider stands still before the server hears of it


@pytest.fixture(scope="module")
def curve(server: Server) -> CurveResult:
    """The same case along ε, computed here through the library."""
    spec = CaseSpec(
        image="phantom-test-0000",
        model=str(server.models / "toy.safetensors"),
        attack_parameters=(("steps", 3),),
    )
    *_, result = run_curve(spec, data=open_data("phantom"), model=load_model(spec.model))
    return result


def everything(one: Visit, address: str = CASE) -> Any:
    """The page once every ε is there and the server rests."""
    page = one.finished(address)
    page.locator(ALL_READY).wait_for(state="attached")
    page.locator(".ticks i:not(.ready)").first.wait_for(state="detached")
    page.get_by_role("button", name="Stop").first.wait_for(state="detached")
    one.settles()
    return page


def drag(page: Any, at: int) -> None:
    """Move the slider without letting go of it."""
    slider = page.get_by_label("ε", exact=True).locator("visible=true").last
    slider.evaluate(
        "(e, at) => { e.value = at; e.dispatchEvent(new Event('input', {bubbles: true})); }", at
    )
    drawn(page)


def test_pictures_and_words_move_with_the_slider_while_the_network_is_gone(
    visit: Begin, curve: CurveResult
) -> None:
    one = visit()
    page = everything(one)
    page.context.set_offline(True)
    before, said = len(one.sent), set()
    for at in (0, 3, 10, 6):
        drag(page, at)
        frame = curve.frames[at]
        apart = canvas(page, "attacked-image").astype(int) - to_pixels(frame.images[0].numpy())
        assert abs(apart).max() <= 1, at
        label = frame.readings_attacked[0].label
        cells = page.locator(".strip").inner_text()
        assert label in cells
        said.add(page.locator(".numbers").first.inner_text())
        told = page.locator(".verdict").inner_text()
        assert ("Attacked, it reads" in told) == (at > 0), told
        assert page.locator(".epsilon output").inner_text() == curve.axis[at].label
        map_there = page.locator("[data-tile=attacked-gradcam]").get_attribute("aria-label")
        assert "focus kept" in map_there or "no evidence" in map_there
    assert len(said) == 4, said
    assert len(one.sent) == before, "it spoke to the server while the slider was held"
    page.context.set_offline(False)
    # What Streamlit itself was still loading: the files behind its download buttons.
    own = ("ERR_INTERNET_DISCONNECTED", "Download Button fetch error")
    one.errors[:] = [error for error in one.errors if not any(each in error for each in own)]


def test_the_server_is_told_once_where_the_slider_rests(tab: Begin) -> None:
    one = tab()
    page = everything(one)
    before = len(one.sent)
    slider = page.locator("#epsilon")
    slider.focus()
    began = time.monotonic()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    told = len(one.sent)
    if time.monotonic() - began < RESTS:  # else a slow machine was at rest in between
        assert told == before
    page.wait_for_url("**eps=1.5%2F255**")
    one.finished()
    assert slider.input_value() == "3"
    assert page.get_by_role("slider", name="ε").get_attribute("aria-valuetext").startswith("ε 1.5")
    page.locator("[data-tile=attacked-shap]").wait_for()
    assert page.locator(".ticks i").count() == 11, "the frames stay where the axis is the same"


def test_an_answer_of_the_server_does_not_move_a_slider_that_moves_on(tab: Begin) -> None:
    one = tab()
    page = everything(one)
    slider = page.locator("#epsilon")
    slider.focus()
    page.keyboard.press("End")
    page.wait_for_url("**eps=16%2F255**")  # the server has heard of it; its answers come now
    seen = []
    for _ in range(9):
        page.keyboard.press("ArrowLeft")
        page.wait_for_timeout(150)
        seen.append(int(slider.input_value()))
    assert seen == list(range(9, 0, -1))
    page.wait_for_url("**eps=0.5%2F255**")
    one.finished()
    assert slider.input_value() == "1"


def test_the_swipe_line_parts_clean_from_attacked(tab: Begin) -> None:
    page = everything(tab())
    clean = {name: canvas(page, f"clean-{name}") for name in ("image", "gradcam")}
    attacked = {name: canvas(page, f"attacked-{name}") for name in ("image", "gradcam")}
    page.get_by_role("button", name="Swipe").click()
    line = page.get_by_role("slider", name="Line between clean and attacked")
    line.focus()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    assert line.get_attribute("aria-valuetext") == "40 percent clean, 60 percent attacked"
    drawn(page)
    cut = round(64 * 0.4)
    for name in ("image", "gradcam"):
        now = canvas(page, f"attacked-{name}")
        np.testing.assert_array_equal(now[:, :cut], clean[name][:, :cut])
        np.testing.assert_array_equal(now[:, cut:], attacked[name][:, cut:])
    assert page.locator(".frame .grid").evaluate("g => g.scrollLeft") == 0
    box = page.locator(f"figure:has({IMAGE})").bounding_box()
    handle = line.bounding_box()
    page.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 20, steps=4)
    page.mouse.up()
    drawn(page)
    assert 74 <= float(line.get_attribute("aria-valuenow")) <= 76
    np.testing.assert_array_equal(canvas(page, "attacked-image")[:, :47], clean["image"][:, :47])
    page.get_by_role("button", name="Swipe").click()
    drawn(page)
    np.testing.assert_array_equal(canvas(page, "attacked-image"), attacked["image"])


def test_flicker_has_no_gap_stays_along_epsilon_and_heeds_less_motion(tab: Begin) -> None:
    page = everything(tab(motion="no-preference"))
    clean, attacked = canvas(page, "clean-image"), canvas(page, "attacked-image")
    button = page.get_by_role("button", name="Flicker")
    button.click()
    seen = page.locator(f"canvas{IMAGE}").evaluate(
        """async c => {
          const seen = new Set(), of = () => Array.from(
            c.getContext('2d').getImageData(0, 0, c.width, c.height).data).join();
          const end = performance.now() + 2500;
          while (performance.now() < end) {
            seen.add(of());
            await new Promise(r => requestAnimationFrame(r));
          }
          return [...seen];
        }"""
    )
    shown = [np.array(json.loads(f"[{one}]"), np.uint8).reshape(64, 64, 4)[..., :3] for one in seen]
    assert len(shown) == 2, "something else than the two pictures was shown"
    for picture in (clean, attacked):
        assert any((picture == one).all() for one in shown)
    drag(page, 9)
    assert button.get_attribute("aria-pressed") == "true"
    page.emulate_media(reduced_motion="reduce")
    page.locator("button:disabled", has_text="Flicker").wait_for()
    assert button.get_attribute("aria-pressed") == "false"
    assert "less motion" in button.get_attribute("title")


def test_a_browser_without_offscreen_canvas_shows_the_same_pixels(
    visit: Begin, curve: CurveResult
) -> None:
    one = visit()
    one.page.add_init_script("delete window.OffscreenCanvas")
    page = everything(one)
    assert page.evaluate("typeof OffscreenCanvas") == "undefined"
    here = curve.at("4/255")
    expected = to_pixels(curve.frames[here].images[0].numpy())
    assert abs(canvas(page, "attacked-image").astype(int) - expected).max() <= 1
