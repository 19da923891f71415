"""The page Experiments in a real browser: a small run from start to its results and a case."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import Visit, sideways, violations

pytestmark = pytest.mark.browser
Begin = Callable[..., Visit]
VIEWS = ("Robustness", "Explanations", "Readings", "Images", "Cost", "As in the paper")


def opened(one: Visit, address: str = "/experiments") -> Any:
    page = one.goes(address)
    page.get_by_text("not a medical device").last.wait_for()
    one.rests()
    return page


def set_model(page: Any, name: str) -> None:
    box = page.locator(".st-key-experiments-models")
    box.get_by_role("combobox").press("Backspace")
    box.get_by_role("combobox").fill(name)
    page.get_by_role("option", name=name, exact=True).click()
    page.keyboard.press("Escape")


def test_an_epsilon_that_cannot_be_is_one_sentence(tab: Begin) -> None:
    page = opened(tab())
    box = page.locator(".st-key-experiments-eps").get_by_role("combobox")
    box.fill("much")
    box.press("Enter")
    page.get_by_text(re.compile("^ε is a number, not 'much'")).wait_for()
    page.get_by_role("button", name="Start").wait_for(state="detached")


def test_a_run_from_its_start_to_a_case(visit: Begin, tab: Begin) -> None:
    one = visit()
    page = opened(one)
    set_model(page, "Toy")
    images = page.locator(".st-key-experiments-images input")
    images.fill("3")
    images.press("Enter")
    page.locator("code").get_by_text("--models=toy").wait_for()
    page.locator("code").get_by_text("--images=3").wait_for()
    name = page.locator(".st-key-experiments-name input")
    name.fill("browser")
    name.press("Enter")
    page.locator("code").get_by_text("/browser").wait_for()
    page.get_by_role("button", name="Start").click()
    page.wait_for_url("**/experiments?run=browser")
    page.get_by_text("As in the paper").wait_for(timeout=120_000)
    page.get_by_role("button", name="Cancel").wait_for(state="detached", timeout=120_000)
    views_fit(tab(scheme="dark"))
    page.get_by_role("radio", name="Images", exact=True).click()
    picture = page.get_by_role("link", name=re.compile("phantom-test-")).first
    picture.get_by_role("img").wait_for()
    linked = str(picture.get_attribute("href"))
    one.settles()  # a click is lost where the part that it is in is drawn anew
    page.locator("[class*=st-key-experiments-case]").get_by_role("button").first.click()
    page.wait_for_url("**/case?**image=phantom-test-*")
    image = re.search("image=phantom-test-[0-9]+", page.url)
    assert image is not None and image[0] in linked
    assert "model=toy" in page.url and "model=toy" in linked and "attack=" in linked


def views_fit(one: Visit) -> None:
    """All views of the run, opened by its link: on a wide screen in the dark and on a phone."""
    page = opened(one, "/experiments?run=browser")
    for view in VIEWS:
        one.looks(1440, 900, "dark", "reduce")
        page.get_by_role("radio", name=view, exact=True).click()
        page.mouse.move(0, 0)  # a button under the mouse has other colours
        one.settles()
        if view in ("Robustness", "Explanations", "Images"):
            assert violations(page) == [], view
        one.looks(390, 844, "dark", "reduce")
        page.wait_for_timeout(500)
        assert sideways(page) <= 1, view
