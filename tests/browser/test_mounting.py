"""A component as Streamlit calls it: cleaned up late, in whatever order, and ended once."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
import pytest

from radar_core.ui.component_files import BASE, joined
from radar_core.view.blob import pack, png

pytestmark = pytest.mark.browser

ITEM = {"truth": "mel", "read": "", "sure": None, "mark": "", "eps": "", "focus": None, "why": ""}


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """An empty page that knows the gallery's component as `mount`, and its data as `data`."""
    code = joined((BASE, "gallery"), "js")
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
                window.shown = (id) => mount({
                    data, parentElement: document.getElementById(id), setTriggerValue() {},
                });
            }""",
            [code, blob],
        )
        yield page


def focus_on_the_second(page: Any) -> None:
    page.locator("#one button[data-id=b]").focus()
    page.evaluate("window.before = document.activeElement")


def stays(page: Any) -> bool:
    """Whether all is as it was, well after whatever is put off has happened."""
    page.wait_for_timeout(1500)
    kept = page.evaluate("document.activeElement === before && before.dataset.id === 'b'")
    return bool(kept) and page.locator("#one button[data-id]").count() == 3


def test_what_is_cleaned_up_after_the_next_call_stays(page: Any) -> None:
    page.evaluate("void (window.first = shown('one'))")
    focus_on_the_second(page)
    page.evaluate("void shown('one')")
    page.evaluate("first()")
    assert stays(page)


def test_what_is_cleaned_up_just_before_the_next_call_stays(page: Any) -> None:
    page.evaluate("void (window.first = shown('one'))")
    focus_on_the_second(page)
    page.evaluate("first(); void shown('one')")
    assert stays(page)


def test_what_is_cleaned_up_and_not_called_again_ends_and_may_begin_anew(page: Any) -> None:
    page.evaluate("void shown('one')")
    page.evaluate("shown('one')()")
    page.locator("#one .root").wait_for(state="detached")
    page.evaluate("void shown('one')")
    assert page.locator("#one button[data-id]").count() == 3


def test_two_places_are_two(page: Any) -> None:
    page.evaluate("void (window.first = shown('one'))")
    page.evaluate("void shown('other')")
    page.evaluate("first()")
    page.locator("#one .root").wait_for(state="detached")
    assert page.locator("#other button[data-id]").count() == 3


def test_a_click_on_the_filmstrip_is_not_lost_while_its_pictures_come(browser: Any) -> None:
    page = browser.new_context(viewport={"width": 400, "height": 300}).new_page()
    page.set_content("<div id=strip></div>")
    picture = png(np.zeros((8, 8, 3), np.uint8))
    items = [{"id": id, "title": id, "mark": ""} for id in ("a", "b")]
    head = {"items": items, "current": "a", "page": 0, "pages": 2, "range": "1–2", "none": ""}
    more = {**head, "items": [{**item, "mark": "right"} for item in items]}
    bare, filled = pack(head, {}), pack(more, {"a": picture, "b": picture})
    page.evaluate(
        """async ([code, css]) => {
            const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
            const mount = (await import(url)).default, inside = document.getElementById("strip");
            inside.append(Object.assign(document.createElement("style"), { textContent: css }));
            window.said = [];
            window.shown = (blob) => void mount({
                data: Uint8Array.from(blob), parentElement: inside,
                setTriggerValue: (...all) => window.said.push(all.join(" ")),
            });
        }""",
        [joined((BASE, "filmstrip"), "js"), joined((BASE, "filmstrip"), "css")],
    )
    page.evaluate("shown", list(filled))
    for button, said in (("[data-id=b]", "chosen b"), ("[aria-label='Next images']", "page 1")):
        for blob in (bare, filled):
            page.locator(f"button{button}").hover(position={"x": 6, "y": 6})
            page.mouse.down()
            page.evaluate("shown", list(blob))
            page.mouse.up()
        assert page.evaluate("said.splice(0)") == [said, said]
    page.context.close()
