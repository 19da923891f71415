"""Screening in a real browser: a verdict by the detector in the box, a link, a telephone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.conftest import Visit, sideways, violations

pytestmark = pytest.mark.browser
ADDRESS = "/screening?data=phantom&model=phantom&image=phantom-test-0004"


@pytest.mark.parametrize(("width", "height", "scheme"), [(1440, 900, "light"), (390, 844, "dark")])
def test_an_image_is_screened_by_what_is_in_the_box(
    tab: Callable[..., Visit], width: int, height: int, scheme: str
) -> None:
    one = tab(width, height, scheme)
    page = one.goes(ADDRESS)
    page.get_by_text("What this cannot know").wait_for()
    one.settles()
    assert page.get_by_text("phantom-test-0004 · true class").count() == 1
    said = page.locator("h4").first.inner_text()
    assert any(words in said for words in ("Nothing unusual", "Unusual (", "Cannot tell"))
    page.get_by_text("How often it is right, and wrong").click()
    page.get_by_role("columnheader", name="AUROC, 95 % interval").wait_for()
    assert "image=phantom-test-0004" in page.url
    assert sideways(page) == 0
    assert not violations(page)
