"""What Streamlit calls and is told: components, cleaned up late and ended once, and its server."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from radar_core.ui.front_door import complete
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


@pytest.mark.parametrize(
    ("asked", "here", "server"),
    [
        ("/case", "/case", "https://host"),
        ("/", "/", "https://host"),
        ("/case", "/user/me/proxy/8501/case", "https://host/user/me/proxy/8501"),
        ("/", "/user/me/proxy/8501/", "https://host/user/me/proxy/8501"),
        ("/case", "/rewritten", None),
    ],
)
def test_the_server_is_found_below_the_path_of_a_proxy(
    page: Any, asked: str, here: str, server: str | None
) -> None:
    whole = complete('<head></head><div id="root">', asked)
    code = whole.split("<script>")[1].split("</script>")[0]
    told = page.evaluate(
        """([code, pathname]) => {
            const window = {}, location = { pathname, origin: "https://host" };
            new Function("window", "location", code)(window, location);
            return window.__streamlit;
        }""",
        [code, here],
    )
    assert (told and told["BACKEND_BASE_URL"]) == server
    assert told is None or told["HOST_CONFIG"]["allowedOrigins"] == ["https://host"]
