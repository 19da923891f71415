"""The report, as a visitor takes it from the page and opens it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Visit, violations
from tests.report.conftest import opened, words

pytestmark = pytest.mark.browser
CASE = "/case?model=toy&attack=fgsm&eps=4%2F255&explain=saliency"


def taken(page: Any, label: str) -> Path:
    """What a click gives."""
    with page.expect_download(timeout=60_000) as waited:
        page.get_by_role("button", name=label).click()
    return Path(waited.value.path())


def test_one_click_gives_each_form(visit: Callable[..., Visit], browser: Any) -> None:
    one = visit()
    page = one.finished(CASE)
    page.get_by_text("It holds the noise floor and the ε curve").wait_for(timeout=120_000)
    one.settles()  # a click is lost where what stands above it moves it away
    raw = taken(page, "Report as PDF").read_bytes()
    assert len(opened(raw).pages) <= 3
    assert "percentile" in words(raw)
    found = json.loads(taken(page, "as JSON").read_text("utf-8"))
    assert found["floor"]["controls"] == 20
    assert len(found["curve"]["frames"]) >= 11
    assert found["verdict"].split(". ")[0] in words(raw)
    read(browser, taken(page, "as HTML").read_text("utf-8"))


def read(browser: Any, report: str) -> None:
    """Open the page as a wide window, a phone and in the dark: nothing asked for, all in view."""
    for width, scheme in ((1440, "light"), (390, "light"), (1440, "dark")):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.on("console", lambda message, asked=asked: asked.append(message.text))
        page.set_content(report)
        assert not [one for one in asked if not one.startswith("data:")]
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert not violations(page)
        context.close()
