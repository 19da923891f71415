"""A case that the server knows, drawn before Streamlit has started in the browser."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from radar_core.ui.component_files import BASE, PANELS, joined
from radar_core.view.blob import pack, unpack
from radar_core.view.panels import waiting
from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser
Begin = Callable[..., Visit]
CASE = "/case?model=toy&attack=fgsm&eps=4%2F255&explain=gradcam,shap&shap.samples=8"
PAINTED = "document.documentElement.dataset.firstLook"
NEAR = 8  # pixels: how the heading wraps on a phone is Streamlit's
# It neither hears that the page has drawn nor loses its patience.
PATIENT = """
const wait = window.setTimeout;
window.setTimeout = (what, ms, ...more) => wait(what, ms === 8000 ? 1e8 : ms, ...more);
"""
DEAF = f"""
addEventListener("radar-drawn", (said) => said.stopImmediatePropagation(), true);
{PATIENT}"""
THERE = "!!document.getElementById('first-look')"


def held(one: Visit) -> Any:
    """Open the case again, but let Streamlit's own code not begin."""
    one.page.route("**/static/js/index.*.js", lambda route: None)  # it waits for an answer
    one.page.goto(CASE, wait_until="commit")
    one.page.wait_for_function(PAINTED)
    return one.page


def pixels(page: Any, box: dict[str, float]) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(page.screenshot(clip=box))).convert("RGB"), int)


@pytest.mark.parametrize(("width", "height", "scheme"), [(1440, 900, "light"), (390, 844, "dark")])
def test_the_same_pictures_stand_in_the_same_place(
    visit: Begin, width: int, height: int, scheme: str
) -> None:
    one = visit(width, height, scheme)
    page = one.finished(CASE)
    page.wait_for_function(f"!({THERE})")  # it may be known from another test, and fades
    page.wait_for_timeout(1000)
    box = page.locator("figure").first.bounding_box()
    own = pixels(page, box)
    again = visit(width, height, scheme)
    early = pixels(held(again), {**box, "y": round(box["y"])})
    assert own.std() > 20, "a picture, not a plain ground"
    nearest = min(
        np.abs(np.roll(early, (down, right), (0, 1)) - own)[NEAR:-NEAR, NEAR:-NEAR].mean()
        for down in range(-NEAR, NEAR + 1)
        for right in range(-2, 3)
    )
    assert nearest < 4, "the picture of the page, nearly in its place"


def test_it_gives_way_to_the_page_and_comes_before_it(visit: Begin) -> None:
    one = visit()
    one.finished(CASE)
    again = visit()
    again.page.add_init_script(PATIENT)
    again.page.add_init_script(f"addEventListener('radar-drawn', () => window.stood = {THERE})")
    page = again.goes(CASE)
    painted = page.locator(".root[data-painted]")
    page.wait_for_function(PAINTED)
    own = float(painted.get_attribute("data-painted"))
    assert float(page.evaluate(PAINTED)) < own - 200
    page.wait_for_function(f"!({THERE})")
    assert page.evaluate("window.stood"), "it stands until the page has its own pictures"
    page.locator("#opacity").fill("20")
    assert page.locator(".control:has(#opacity) output").inner_text() == "20 %", "it can be used"
    assert page.evaluate("document.documentElement.style.fontSize") == ""


def test_it_is_nothing_to_a_keyboard_or_a_reader_and_ends_at_the_first_key(visit: Begin) -> None:
    one = visit()
    one.finished(CASE)
    again = visit()
    page = held(again)
    found = "document.getElementById('first-look')"
    assert page.evaluate(f"{found}.inert && {found}.ariaHidden === 'true'")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement === document.body")
    assert not page.evaluate(THERE)


def test_another_address_has_none(visit: Begin) -> None:
    one = visit()
    one.finished(CASE)
    page = visit().goes(f"{CASE}&image=phantom-test-0001")
    page.locator(".root[data-painted]").wait_for()
    assert not page.evaluate(PAINTED) and not page.evaluate(THERE)


def test_it_gives_way_to_what_the_page_has_to_say(visit: Begin) -> None:
    one = visit()
    one.finished(CASE)
    again = visit()
    again.page.add_init_script(DEAF)
    page = again.goes(f"{CASE}&as=0123456789abcdef.x")
    page.wait_for_function(PAINTED)
    page.get_by_role("alert").first.wait_for()
    page.wait_for_function(f"!({THERE})")


def test_it_waits_for_pictures_and_not_for_the_first_word_of_them(visit: Begin) -> None:
    """A case that is computed anew under a known address is first drawn without a picture."""
    empty = waiting([("gradcam", "Grad-CAM")])
    header, pictures = unpack(empty)
    done = pack({**header, "busy": False, "stage": "done"}, pictures)
    page = visit().goes("/")
    page.evaluate(
        f"""async (blobs) => {{
            {joined((BASE, *PANELS), "js")}
            const viewer = new Viewer(document.body);
            window.drawn = [];
            addEventListener("radar-drawn", () => window.drawn.push(viewer.root.dataset.stage));
            for (const blob of blobs) {{
                await viewer.update(Uint8Array.from(blob), () => {{}});
                for (const wait of [requestAnimationFrame, requestAnimationFrame, setTimeout])
                    await new Promise((on) => wait(() => on()));
            }}
        }}""",
        [list(empty), list(done)],
    )
    assert page.evaluate("window.drawn") == ["done"]
