"""A link opened elsewhere, a server that comes back, two tabs, an upload in between."""

from __future__ import annotations

import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from tests.browser.conftest import Visit, canvas, free_port, serving, sideways

pytestmark = pytest.mark.browser
Begin = Callable[..., Visit]
CASE = "/case?model=toy&attack=pgd&pgd.steps=3&eps=4%2F255&explain=gradcam,saliency"
PAIRS = ((5, 2), (8, 6))  # image, ε


def shared(page: Any) -> str:
    """The link that the page gives once the case is computed."""
    page.get_by_role("button", name="Share").click()
    link = page.get_by_test_id("stPopoverBody").get_by_test_id("stCode").first
    link.get_by_text("as=").wait_for()
    said: str = link.inner_text()
    page.keyboard.press("Escape")
    return said.strip()


def test_a_permalink_opened_in_a_second_browser_gives_the_same_numbers(visit: Begin) -> None:
    one = visit()
    page = one.finished(CASE.replace("eps=4", "image=5&seed=2&eps=3"))
    link = shared(page)
    assert urlsplit(link)[:3] == urlsplit(page.url)[:3]
    other = visit(390, 844, other_browser=True)
    second = other.finished(link)
    second.get_by_text("The same numbers as when this link was made.").wait_for()
    for visitor in (one, other):
        visitor.settles()  # the noise floor adds its words to the numbers
    assert page.locator(".verdict").inner_text() == second.locator(".verdict").inner_text()
    assert page.locator(".strip").inner_text() == second.locator(".strip").inner_text()
    for tile in ("clean-image", "attacked-image", "attacked-saliency", "difference-gradcam"):
        np.testing.assert_array_equal(canvas(page, tile), canvas(second, tile))
    assert sideways(second) <= 1


def test_a_server_that_was_restarted_is_noticed_and_the_case_comes_back(
    browser: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    again = partial(serving, tmp_path_factory, port=free_port(), end=signal.SIGKILL)
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    context.set_default_timeout(60_000)
    one = Visit(context.new_page())
    one.page.on("pageerror", lambda e: one.errors.append(str(e)))
    try:
        with again() as server:
            page = one.finished(server.url + CASE + "&seed=8&image=3")
            verdict, pixels = page.locator(".verdict").inner_text(), canvas(page, "attacked-image")
            details = page.url
        page.get_by_text("Connection error").wait_for()
        with again():
            page.get_by_text("Connection error").wait_for(state="detached")
            one.finished()
            page.get_by_text("Took").wait_for()
            assert page.url == details
            assert page.locator(".verdict").inner_text() == verdict
            np.testing.assert_array_equal(canvas(page, "attacked-image"), pixels)
    finally:
        context.close()
    assert one.errors == []


def test_two_tabs_of_one_visitor_finish_with_their_own_numbers(visit: Begin) -> None:
    one = visit()
    other = Visit(one.page.context.new_page())
    other.page.on("pageerror", lambda e: other.errors.append(str(e)))
    wanted = [CASE.replace("eps=4", f"image={image}&seed=21&eps={eps}") for image, eps in PAIRS]
    for tab, address in zip((one, other), wanted, strict=True):
        tab.page.goto(address, wait_until="commit")
    links = [shared(tab.finished()) for tab in (one, other)]
    verdicts = [tab.page.locator(".verdict").inner_text() for tab in (one, other)]
    for (image, eps), tab, link, verdict in zip(PAIRS, (one, other), links, verdicts, strict=True):
        assert tab.page.get_by_role("heading", name=f"phantom-test-000{image}").is_visible()
        assert f"eps={eps}/255" in link
        alone = visit().finished(link)
        alone.get_by_text("The same numbers as when this link was made.").wait_for()
        assert alone.locator(".verdict").inner_text() == verdict
    assert len({link.partition("as=")[2] for link in links}) == 2
    assert other.errors == []


def test_an_upload_while_a_case_is_computed_and_its_removal(visit: Begin, tmp_path: Path) -> None:
    file = tmp_path / "mine.png"
    Image.new("RGB", (90, 70), (190, 130, 100)).save(file)
    one = visit()
    page = one.page
    page.goto("/case?model=toy&attack=pgd&pgd.steps=1000&pgd.restarts=50&seed=4&explain=gradcam")
    page.get_by_role("button", name="Cancel").wait_for()
    page.get_by_role("combobox", name="Data").click()
    page.get_by_role("option", name="Upload one image").click()
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("heading", name="mine.png").wait_for()
    page.goto(page.url)  # and a reload: an upload is of one visit
    page.get_by_text("choose the file again").wait_for()
    page.goto(CASE + "&data=upload")
    page.locator("input[type=file]").set_input_files(file)
    one.finished()
    assert page.get_by_test_id("stException").count() == 0
    page.get_by_role("button", name="Remove this image").click()
    page.get_by_text("all that was computed of it are removed").wait_for()
    page.locator("figure").first.wait_for(state="detached")
    assert page.get_by_text("mine.png").count() == 0
