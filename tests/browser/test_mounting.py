"""A component whose place Streamlit takes away for a moment comes back as it was."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from radar_core.ui.viewer import COMPONENTS
from radar_core.view.blob import pack

pytestmark = pytest.mark.browser

ITEM = {"truth": "mel", "read": "", "sure": None, "mark": "", "eps": "", "focus": None, "why": ""}


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """An empty page that knows the gallery's component as `mount`, and its data as `data`."""
    names = ("base.js", "gallery.js")
    code = "\n".join((COMPONENTS / name).read_text("utf-8") for name in names)
    items = [{**ITEM, "id": id} for id in ("a", "b", "c")]
    head = {"items": items, "strip": [], "form": "tiles", "current": "", "page": 0, "pages": 1}
    blob = base64.b64encode(pack({**head, "range": "", "none": ""}, {})).decode()
    with closing(browser.new_context()) as context:
        page = context.new_page()
        page.set_content("<div id=one></div><div id=other></div>")
        page.evaluate(
            """async ([code, blob]) => {
                const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
                const mount = (await import(url)).default;
                const data = Uint8Array.from(atob(blob), (c) => c.charCodeAt(0));
                window.shown = (id, key) => mount({
                    data, key, parentElement: document.getElementById(id), setTriggerValue() {},
                });
            }""",
            [code, blob],
        )
        yield page


def test_it_comes_back_with_its_focus(page: Any) -> None:
    page.evaluate("void (window.leave = shown('one', 'k'))")
    page.locator("#one button[data-id=b]").focus()
    page.evaluate("window.before = document.activeElement")
    page.evaluate("leave()")
    assert page.locator("#one button").count() == 0
    page.evaluate("void shown('other', 'k')")
    assert page.evaluate("document.activeElement === before && before.dataset.id") == "b"
    assert page.locator("#other button[data-id]").count() == 3


def test_who_went_elsewhere_meanwhile_is_not_called_back(page: Any) -> None:
    page.evaluate("document.body.append(document.createElement('input'))")
    page.evaluate("void (window.leave = shown('one', 'k'))")
    page.locator("#one button[data-id=b]").focus()
    page.evaluate("leave()")
    page.locator("input").focus()
    page.evaluate("void shown('other', 'k')")
    assert page.evaluate("document.activeElement.tagName") == "INPUT"


def test_a_focus_given_up_before_is_not_taken_again(page: Any) -> None:
    page.evaluate("void (window.leave = shown('one', 'k'))")
    page.locator("#one button[data-id=b]").focus()
    page.evaluate("document.activeElement.blur()")
    page.wait_for_timeout(100)
    page.evaluate("leave(); void shown('other', 'k')")
    assert page.evaluate("document.activeElement === document.body")


def test_another_one_is_another_one(page: Any) -> None:
    page.evaluate("void (window.leave = shown('one', 'k'))")
    page.evaluate("document.querySelector('#one .root').dataset.mine = 'yes'; leave()")
    page.evaluate("void shown('other', 'l')")
    assert page.locator("#other .root").count() == 1
    assert page.locator("#other [data-mine]").count() == 0


def test_a_place_that_was_emptied_is_filled_again(page: Any) -> None:
    page.evaluate("void shown('one', 'k')")
    page.evaluate("document.getElementById('one').replaceChildren()")
    page.evaluate("void shown('one', 'k')")
    assert page.locator("#one button[data-id]").count() == 3
