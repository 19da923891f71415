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

from tests.browser.conftest import Server, Visit, canvas, drawn, in_context, listen, sideways
from tests.browser.served import free_port, serving
from tests.browser.told import told

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


def test_a_server_that_was_restarted_is_noticed_and_the_case_comes_back(
    browser: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    again = partial(serving, tmp_path_factory, port=free_port(), end=signal.SIGKILL)
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    context.set_default_timeout(60_000)
    one, resting = (Visit(context.new_page()) for _ in range(2))
    for each in (one, resting):
        each.page.on("pageerror", lambda e: one.errors.append(str(e)))
        listen(each)
    try:
        with again() as server:
            resting.goes(server.url + "/library")
            resting.page.get_by_role("heading", name="Add a data set").wait_for()
            page = one.finished(server.url + CASE + "&seed=8&image=3")
            verdict, pixels = page.locator(".verdict").inner_text(), canvas(page, "attacked-image")
            details = page.url
            resting.settles()  # from here on it asks for nothing by itself
        for each in (one, resting):
            each.page.get_by_text("Connection error").wait_for()
            each.heard.clear()
        with again():
            for each in (one, resting):
                each.page.get_by_text("Connection error").wait_for(state="detached")
                while not any("script_finished" in said for said in told(each.heard)):
                    each.page.wait_for_timeout(200)  # until then, all is of the first server
            drawn(page)
            one.finished()
            page.get_by_text("Took").wait_for()
            assert page.url == details
            assert page.locator(".verdict").inner_text() == verdict
            np.testing.assert_array_equal(canvas(page, "attacked-image"), pixels)
    finally:
        context.close()
    assert one.errors == []


def test_two_tabs_of_one_visitor_give_links_to_their_own_numbers(
    visit: Begin, tab: Begin, server: Server
) -> None:
    one = visit()
    other = in_context(one.page.context, server)
    wanted = [CASE.replace("eps=4", f"image={image}&seed=21&eps={eps}") for image, eps in PAIRS]
    for each, address in zip((one, other), wanted, strict=True):
        each.page.goto(address, wait_until="commit")
    links = [shared(each.finished()) for each in (one, other)]
    for (image, eps), each, link in zip(PAIRS, (one, other), links, strict=True):
        assert each.page.get_by_role("heading", name=f"phantom-test-000{image}").is_visible()
        assert f"eps={eps}/255" in link
        assert urlsplit(link)[:3] == urlsplit(each.page.url)[:3]
    assert len({link.partition("as=")[2] for link in links}) == 2
    same_numbers(one, links[0], visit(390, 844, other_browser=True))
    same_numbers(other, links[1], tab())
    assert other.errors == []


def same_numbers(one: Visit, link: str, other: Visit) -> None:
    """Whoever opens a link sees what the page that gave it shows."""
    page, second = one.page, other.finished(link)
    second.get_by_text("The same numbers as when this link was made.").wait_for()
    for visitor in (one, other):  # the noise floor adds its words to the numbers
        visitor.page.get_by_text("It holds the noise floor and the ε curve").wait_for()
        visitor.settles()
    assert page.locator(".verdict").inner_text() == second.locator(".verdict").inner_text()
    assert page.locator(".strip").inner_text() == second.locator(".strip").inner_text()
    for tile in ("clean-image", "attacked-image", "attacked-saliency", "difference-gradcam"):
        np.testing.assert_array_equal(canvas(page, tile), canvas(second, tile))
    assert sideways(second) <= 1


def test_an_upload_is_shown_is_of_one_visit_and_can_be_removed(tab: Begin, tmp_path: Path) -> None:
    bad, file = tmp_path / "bad.png", tmp_path / "mine.png"
    bad.write_bytes(b"<svg onload=alert(1)>")
    Image.new("RGB", (90, 70), (190, 130, 100)).save(file)
    one = tab()
    page = one.goes(CASE.replace("pgd.steps=3", "pgd.steps=1000&pgd.restarts=50&seed=4"))
    page.get_by_role("button", name="Cancel").wait_for()
    page.get_by_role("combobox", name="Data").click()  # while a case is computed
    page.get_by_role("option", name="Upload one image").click()
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("heading", name="mine.png").wait_for()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("Cancelled.").wait_for()
    page.goto(page.url)  # and a reload: an upload is of one visit
    page.get_by_text("choose the file again").wait_for()
    one.goes(CASE + "&data=upload")
    page.get_by_text("never written to disk").first.wait_for()
    page.locator("input[type=file]").set_input_files(bad)
    page.get_by_text("bad.png is not a PNG").wait_for()
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("heading", name="mine.png").wait_for()
    one.finished()
    assert set(canvas(page, "clean-image").reshape(-1, 3).tolist()[0]) == {190, 130, 100}
    assert page.get_by_test_id("stException").count() == 0
    page.get_by_role("button", name="Remove this image").click()
    page.get_by_text("all that was computed of it are removed").wait_for()
    page.locator("figure").first.wait_for(state="detached")
    page.get_by_text("mine.png").first.wait_for(state="detached")
