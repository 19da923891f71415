"""Pages compared with how they were: at 1440 and 390 px, light and dark.

Pictures are compared at a sixth of their size, so that another machine's fonts do not matter and a
panel that moved, a colour that changed or a part that is gone does. A change that is wanted is
written anew with `RADAR_SCREENS=write` and looked at.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radar_core.story import prepare, read_story
from tests.browser.conftest import Server, Visit

pytestmark = pytest.mark.browser
Begin = Callable[..., Visit]
SCREENS = Path(__file__).parent / "screens"
CASE = "/case?image=3&model=toy&attack=pgd&pgd.steps=3&explain=gradcam,shap&shap.samples=8"
PAGES = {
    "home": "/",
    "tune": CASE,
    "look": f"{CASE}&view=look",
    "present": "/present?story=screen",
    "reader-study": "/reader_study?model=toy&attack=fgsm&pairs=3",
}
TOLD = """
title = "One step"
[[step]]
caption = "Each pixel may change by four of 255 grey levels."
link = "/case?image=3&model=toy&attack=pgd&pgd.steps=3&explain=gradcam"
show = "swipe"
"""
SIZES = ((1440, 900), (390, 844))
SMALLER = 6
APART, SHARE = 40, 0.03  # grey levels at which a pixel is another one; how many may be


@pytest.fixture(scope="module", autouse=True)
def story(server: Server) -> None:
    """The story that is shown, computed ahead."""
    (server.stories / "screen.toml").write_text(TOLD, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RADAR_STORIES", str(server.stories))
        patch.setenv("RADAR_MODELS", str(server.models))
        for _ in prepare(read_story("screen")):
            pass


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """The share of the pixels that are others."""
    return float((abs(one.astype(int) - other.astype(int)).max(2) > APART).mean())


def shot(one: Visit, address: str) -> Image.Image:
    """The first screenful of a page at rest, made smaller."""
    page = one.page
    if "model=toy&attack=pgd" in address:
        one.finished(address)
        page.locator(".ticks i.ready:nth-child(11)").wait_for(state="attached", timeout=120_000)
        page.get_by_role("button", name="Stop").first.wait_for(state="detached")
    else:
        one.goes(address)
        marks = {"/": "Research software", "/present": "1 / 1", "/reader_study": "Your code"}
        page.get_by_text(marks[address.partition("?")[0]]).first.wait_for()
    one.settles()  # and what fades in has faded in
    whole = Image.open(io.BytesIO(one.page.screenshot())).convert("RGB")
    return whole.resize((whole.width // SMALLER, whole.height // SMALLER), Image.Resampling.BOX)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_looks_as_it_did(tab: Begin, name: str, scheme: str) -> None:
    for width, height in SIZES:
        now = shot(tab(width, height, scheme), PAGES[name])
        kept = SCREENS / f"{name}-{width}-{scheme}.png"
        if os.environ.get("RADAR_SCREENS") == "write":
            SCREENS.mkdir(exist_ok=True)
            now.quantize(64).save(kept, optimize=True)
            continue
        was = np.asarray(Image.open(kept).convert("RGB"))
        assert apart(np.asarray(now), was) <= SHARE, width


def test_a_page_that_lost_a_part_is_told_apart() -> None:
    for name in ("home", "tune", "look"):
        was = np.asarray(Image.open(SCREENS / f"{name}-1440-light.png").convert("RGB"))
        now = was.copy()
        now[40:120, 80:180] = 255
        assert apart(now, was) > SHARE, name
    light, dark = (
        np.asarray(Image.open(SCREENS / f"home-1440-{scheme}.png").convert("RGB"))
        for scheme in ("light", "dark")
    )
    assert apart(light, dark) > 0.5
