"""Presenting in a real browser: by keyboard alone, with the network gone, and back to the start."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any

import pytest

from radar_core.story import prepare, read_story
from tests.browser.conftest import Server, Visit, canvas, drawn, listen, sideways, violations
from tests.browser.served import free_port, serving
from tests.browser.told import told

pytestmark = pytest.mark.browser
Begin = Callable[..., Visit]
CASE = "/case?image=3&model=toy&attack=pgd&pgd.steps=3"
SIZES = ((390, 844), (3840, 2160), (1440, 900))
TOLD = f"""
title = "Three steps"
idle = 60
[[step]]
caption = "Nothing is changed."
link = "{CASE}&eps=0&explain=gradcam"
[[step]]
caption = "Now it is."
link = "{CASE}&eps=4/255&explain=gradcam"
show = "swipe"
[[step]]
caption = "It grows."
link = "{CASE}&eps=8/255&explain=gradcam"
sweep = true
"""


@pytest.fixture(scope="module")
def story(server: Server) -> str:
    """A story in the folder that the server looks into, computed ahead."""
    path = server.stories / "three.toml"
    path.write_text(TOLD, encoding="utf-8")
    hasty = TOLD.replace("idle = 60", "idle = 10")
    (server.stories / "hasty.toml").write_text(hasty, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RADAR_STORIES", str(server.stories))
        patch.setenv("RADAR_MODELS", str(server.models))
        for _ in prepare(read_story("three")):
            pass
    return "/present?story=three"


def step(page: Any, number: int) -> None:
    """Wait until a step is shown."""
    page.locator(f".present[data-shown='{number}'] .root[data-ready='1']").wait_for()
    drawn(page)


def test_a_story_goes_by_keyboard_without_a_network_until_it_is_left(
    visit: Begin, story: str
) -> None:
    one = visit(motion="no-preference")
    page = one.page
    page.goto(story)
    step(page, 1)
    one.rests()
    page.context.set_offline(True)
    tell(page)
    page.context.set_offline(False)
    page.evaluate("addEventListener('keydown', (e) => { window.last = e; }, true)")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("last.defaultPrevented")
    page.get_by_role("link", name="Methods").click()
    page.get_by_role("heading", name="Methods").wait_for()
    page.keyboard.press("ArrowRight")
    assert not page.evaluate("last.defaultPrevented"), "its keys are those of the browser again"


def tell(page: Any) -> None:
    """Tell the story by keyboard, with its extras."""
    page.keyboard.press("f")
    page.locator(".present.open").wait_for()
    assert page.locator(".caption").inner_text() == "Nothing is changed."
    unchanged = canvas(page, "clean-image")
    assert (canvas(page, "attacked-image") == unchanged).all()
    page.keyboard.press("ArrowRight")
    step(page, 2)
    assert page.locator(".swipe").first.is_visible()
    assert (canvas(page, "attacked-image") != unchanged).any()
    page.keyboard.press("PageDown")
    step(page, 3)
    page.locator(".present[data-sweep=over]").wait_for()
    drawn(page)
    assert page.locator(".epsilon output").inner_text() == "8/255"
    page.keyboard.press("ArrowUp")
    drawn(page)
    assert page.locator(".epsilon output").inner_text() == "12/255"
    page.keyboard.press("b")
    page.locator(".blank:not([hidden])").wait_for()
    page.keyboard.press("ArrowRight")
    page.locator(".blank").wait_for(state="hidden")
    step(page, 3)
    page.keyboard.press("ArrowLeft")
    step(page, 2)
    page.keyboard.press("Escape")
    page.locator(".present:not(.open)").wait_for()


def test_it_goes_on_where_it_was_though_the_server_was_started_anew(
    browser: Any, tmp_path_factory: pytest.TempPathFactory, server: Server, story: str
) -> None:
    again = partial(
        serving,
        tmp_path_factory,
        port=free_port(),
        end=signal.SIGKILL,
        RADAR_STORIES=str(server.stories),
        RADAR_MODELS=str(server.models),
    )
    with closing(browser.new_context(viewport={"width": 1440, "height": 900})) as context:
        one = Visit(context.new_page())
        listen(one)
        page = one.page
        page.on("pageerror", lambda e: one.errors.append(str(e)))
        page.set_default_timeout(60_000)
        with again() as first:
            page.goto(first.url + story)
            step(page, 1)
            page.keyboard.press("ArrowRight")
            step(page, 2)
            one.settles()
        page.get_by_text("Connection error").wait_for()
        page.locator(".present").evaluate("e => { e.dataset.still = 'the same'; }")
        one.heard.clear()
        with again():
            while not any("script_finished" in said for said in told(one.heard)):
                page.wait_for_timeout(200)
            drawn(page)
            step(page, 2)
            page.keyboard.press("ArrowRight")
            step(page, 3)
            page.locator(".present[data-still='the same']").wait_for()
    assert not one.errors


def test_left_alone_it_stands_at_its_beginning(visit: Begin, story: str) -> None:
    page = visit().page
    page.goto(story.replace("three", "hasty"))
    step(page, 1)
    page.keyboard.press("End")
    step(page, 3)
    page.keyboard.press("b")
    step(page, 1)
    page.locator(".blank").wait_for(state="hidden")


def test_all_of_a_step_is_on_the_screen_and_accessible(visit: Begin, story: str) -> None:
    one = visit(scheme="dark")
    page = one.page
    page.goto(story)
    step(page, 1)
    assert violations(page) == []
    one.looks(1440, 900, "light", "reduce")
    page.wait_for_timeout(300)  # the colours have followed
    assert violations(page) == []
    for width, height in SIZES:
        one.looks(width, height, "light", "reduce")
        page.wait_for_timeout(300)  # what follows the width has followed
        assert sideways(page) <= 1
        is_on_the_screen(page, width, height)
    page.keyboard.press("End")
    step(page, 3)
    page.wait_for_timeout(1500)
    assert page.locator(".present").get_attribute("data-sweep") is None, "less motion, no sweep"
    assert page.locator(".epsilon output").inner_text() == "8/255"


def is_on_the_screen(page: Any, width: int, height: int) -> None:
    """The second step, on the whole screen; then back to the first."""
    page.keyboard.press("f")
    page.locator(".present.open").wait_for()
    page.keyboard.press("ArrowRight")
    step(page, 2)
    beyond = page.locator(".present").evaluate("p => [p.scrollWidth - p.clientWidth]")[0]
    assert beyond <= 1
    if width > 1000:
        for figure in page.locator("figure").all():
            box = figure.bounding_box()
            assert box["y"] >= 0
            assert box["y"] + box["height"] <= height
            assert box["x"] + box["width"] <= width
    page.keyboard.press("ArrowLeft")
    step(page, 1)
    page.keyboard.press("Escape")
    page.locator(".present:not(.open)").wait_for()
