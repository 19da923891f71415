"""A link opened elsewhere, a server that comes back, two tabs, an upload in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

from tests.browser.conftest import Visit, canvas, sideways

pytestmark = pytest.mark.browser
Begin = Callable[..., Visit]
CASE = "/case?model=toy&attack=pgd&pgd.steps=3&eps=4%2F255&explain=gradcam,saliency"


def shared(page: Any) -> str:
    """The link that the page gives once the case is computed."""
    page.get_by_role("button", name="Share").click()
    link = page.get_by_test_id("stPopoverBody").get_by_test_id("stCode").first
    link.get_by_text("as=").wait_for()
    said: str = link.inner_text()
    page.keyboard.press("Escape")
    return said.strip()


@pytest.mark.parametrize("width", [1440, 390])
def test_a_permalink_opened_in_a_second_browser_gives_the_same_numbers(
    visit: Begin, width: int
) -> None:
    one = visit(width, 844)
    page = one.finished(CASE.replace("eps=4", "image=5&seed=2&eps=3"))
    link = shared(page)
    assert urlsplit(link)[:3] == urlsplit(page.url)[:3]
    other = visit(width, 844)
    second = other.finished(link)
    second.get_by_text("The same numbers as when this link was made.").wait_for()
    assert page.locator(".verdict").inner_text() == second.locator(".verdict").inner_text()
    assert page.locator(".strip").inner_text() == second.locator(".strip").inner_text()
    for tile in ("clean-image", "attacked-image", "attacked-saliency", "difference-gradcam"):
        np.testing.assert_array_equal(canvas(page, tile), canvas(second, tile))
    assert sideways(second) <= 1
