"""Twenty thousand points in a real browser: moved about, asked, looped, opened."""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.browser.conftest import Server, Visit, sideways, violations
from tests.experiments.synthetic import write_points

pytestmark = pytest.mark.browser
IMAGES = 5000
FRAME = 120.0  # ms, on a loaded machine

MOVED = """async canvas => {
  const root = canvas.getRootNode().querySelector('.root');
  const box = canvas.getBoundingClientRect(), times = [];
  canvas.setPointerCapture = () => {};
  const tell = (type, x) => canvas.dispatchEvent(new PointerEvent(type, {pointerId: 1, button: 0,
    pointerType: 'touch', clientX: box.left + 300 + x, clientY: box.top + 200 + x / 3}));
  const before = +root.dataset.drawn;
  tell('pointerdown', 0);
  for (let i = 1; i <= 40; i++) {
    tell('pointermove', 6 * (i % 20));
    await new Promise(done => requestAnimationFrame(done));
    times.push(+root.dataset.ms);
  }
  tell('pointerup', 6);
  return [times, +root.dataset.drawn - before];
}"""


@pytest.fixture
def points(server: Server) -> Iterator[None]:
    """An experiment of twenty thousand points, for as long as it is looked at."""
    assert write_points(server.experiments / "large", IMAGES) == 20_000
    yield
    shutil.rmtree(server.experiments / "large")


def on_a_point(page: Any) -> Any:
    """The pointer's place, once it rests on a point."""
    box = page.locator("canvas.base").bounding_box()
    for part in range(5, 96):
        x, y = box["x"] + box["width"] * part / 100, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        if page.locator(".card").is_visible():
            return x, y
    pytest.fail("no point in the middle of the plane")


@pytest.mark.usefixtures("points")
def test_twenty_thousand_points(visit: Callable[..., Visit]) -> None:
    opened = visit()
    page = opened.goes("/embedding")
    page.get_by_role("combobox", name="Points of").click()
    page.get_by_role("option", name="large").click()
    page.locator(".root[data-drawn]").wait_for()
    opened.rests()
    times, drawn = page.locator("canvas.base").evaluate(MOVED)
    assert drawn >= 30 and statistics.median(times) < FRAME, statistics.median(times)
    page.get_by_role("button", name="Show all points").click()
    page.mouse.move(5, 5)

    on_a_point(page)
    words = page.locator(".card").inner_text()
    assert "read as" in words
    page.get_by_role("button", name="Lasso").click()
    box = page.locator("canvas.base").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 150, y - 150)
    page.mouse.down()
    for right, down in [(150, -150), (150, 150), (-150, 150), (-150, -140)]:
        page.mouse.move(x + right, y + down, steps=3)
    page.mouse.up()
    page.get_by_role("heading", name="Selection:").wait_for()
    page.locator("canvas.base").press("Escape")
    page.get_by_role("heading", name="Selection:").wait_for(state="detached")
    opened.rests()
    assert violations(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(300)
    assert sideways(page) == 0
    page.set_viewport_size({"width": 1440, "height": 900})

    canvas = page.locator("canvas.base")
    canvas.press("0")
    canvas.press("n")
    image = page.locator(".card b").inner_text()
    canvas.press("Enter")
    page.wait_for_url("**/case?*")
    assert parse_qs(urlsplit(page.url).query)["image"] == [image]
