"""The viewer in a real browser: any number of columns, the threshold, a column without a map."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from radar_core.explainers import EXPLAINERS
from radar_core.params import controls
from tests.browser.conftest import Visit, canvas, drawn, sideways, violations

pytestmark = pytest.mark.browser
Begin = Callable[..., Visit]
CASE = "/case?model=toy&attack=pgd&pgd.steps=3&explain=gradcam,saliency,shap&shap.samples=8"
GRID = ".frame .grid"
NEUTRAL = (26, 12, 9)  # the middle of the colours from against to for


def everything() -> str:
    """The address of a case with every explainer there is, each as quick as it can be."""
    quick = [
        f"&{id}.{name}={control.low:g}"
        for id in EXPLAINERS
        for name, control in controls(EXPLAINERS[id]).items()
        if name in ("samples", "steps")
    ]
    return f"/case?model=toy&attack=fgsm&explain={','.join(EXPLAINERS)}{''.join(quick)}"


def left(page: Any, selector: str) -> float:
    """Where an element begins on the screen."""
    return float(page.locator(selector).bounding_box()["x"])


def threshold(page: Any, percent: int) -> Any:
    """Set the threshold; gives its slider once the tiles are drawn."""
    slider = page.get_by_label("Threshold", exact=True)
    slider.fill(str(percent))
    drawn(page)
    return slider


def test_many_columns(tab: Begin) -> None:
    one = tab(scheme="dark")
    page = one.finished(everything())
    one.settles()
    assert sideways(page) <= 1
    scroll_in_their_own_place(page)
    are_zoomed_together(page)
    page.get_by_text("More settings").click()
    page.locator("[data-testid=stSidebar] summary", has_text="LIME").last.wait_for()
    assert violations(page) == []
    one.looks(390, 844, "light", "reduce")
    page.wait_for_timeout(300)  # what follows the width has followed
    are_stacked_on_a_phone(page)


def scroll_in_their_own_place(page: Any) -> None:
    """Columns for which there is no room."""
    widths = page.locator("figure").evaluate_all("all => all.map(f => f.clientWidth)")
    assert len(widths) == 3 * (len(EXPLAINERS) + 1)
    assert min(widths) >= 150
    grid = page.locator(GRID)
    beyond = grid.evaluate("g => g.scrollWidth - g.clientWidth")
    assert beyond > 300
    box = grid.bounding_box()
    assert box["y"] + box["height"] <= 900
    page.locator(".frame.more").wait_for()
    last = f"figure:has([data-tile=clean-{list(EXPLAINERS)[-1]}])"
    image, head = "figure:has([data-tile=clean-image])", ".rowhead.clean"
    before = [left(page, each) for each in (image, head, last)]
    grid.focus()
    for _ in range(60):
        page.keyboard.press("ArrowRight")
    page.locator(".frame:not(.more)").wait_for()
    after = [left(page, each) for each in (image, head, last)]
    assert after[:2] == before[:2], "the picture and the row heads stay where they were"
    assert after[2] == pytest.approx(before[2] - beyond, abs=2)
    grid.evaluate("g => { g.scrollLeft = 0; }")


def are_zoomed_together(page: Any) -> None:
    """All columns, by keys, which then do not scroll."""
    page.locator(GRID).focus()
    page.keyboard.press("+")
    page.keyboard.press("ArrowRight")
    zooms = page.locator("figure canvas").evaluate_all(
        "all => all.map(c => getComputedStyle(c)).map(s => [s.getPropertyValue('--z'), "
        "s.getPropertyValue('--x')].join())"
    )
    assert len(set(zooms)) == 1
    assert page.locator(GRID).evaluate("g => g.scrollLeft") == 0
    page.keyboard.press("0")
    page.locator(".root[data-stage]:not(.zoomed)").wait_for()


def are_stacked_on_a_phone(page: Any) -> None:
    """Nothing is cut off, nothing is beyond the edge."""
    assert sideways(page) <= 1
    boxes = page.locator("figure").evaluate_all(
        "all => all.map(f => f.getBoundingClientRect()).map(b => [b.left, b.right])"
    )
    assert min(b[0] for b in boxes) >= 0
    assert max(b[1] for b in boxes) <= 390
    assert page.locator(GRID).evaluate("g => g.scrollWidth - g.clientWidth") <= 1
    cut = page.locator(".numbers dd").evaluate_all(
        "all => all.filter(d => d.scrollWidth > d.clientWidth + 1).map(d => d.textContent)"
    )
    assert cut == []
    page.get_by_text("All metrics").click()
    page.locator("[data-testid=stTable] th", has_text="as in the paper").first.wait_for()
    assert sideways(page) <= 1


def test_the_threshold_leaves_out_weak_values(tab: Begin) -> None:
    page = tab().finished(CASE)
    picture = canvas(page, "attacked-image")
    at_first = {id: canvas(page, f"attacked-{id}") for id in ("saliency", "shap")}
    difference = canvas(page, "difference-shap")
    slider = threshold(page, 50)
    assert slider.get_attribute("aria-valuetext") == "50 percent of each map's own scale"
    for id, before in at_first.items():
        now = canvas(page, f"attacked-{id}")
        plain = (now == picture).all(-1)
        assert 0.2 < plain.mean() < 1, "weak values show the picture as it is"
        np.testing.assert_array_equal(now[~plain], before[~plain])
    centre = canvas(page, "difference-shap")
    neutral = (centre == NEUTRAL).all(-1)
    assert neutral.mean() > (difference == NEUTRAL).all(-1).mean()
    np.testing.assert_array_equal(centre[~neutral], difference[~neutral])


def test_the_threshold_stays_while_the_case_changes_and_goes_back(tab: Begin) -> None:
    one = tab()
    page = one.finished(CASE)
    said, first = page.locator(".verdict").inner_text(), canvas(page, "clean-image")
    threshold(page, 70)
    page.locator("button.item").nth(4).click()  # thumbnails may come meanwhile
    page.wait_for_function("location.search.includes('phantom-test-0004')")
    page.locator("button.item[aria-current][data-id='phantom-test-0004']").wait_for()
    while (canvas(page, "clean-image") == first).all():
        page.wait_for_timeout(100)
    one.finished()
    assert "phantom-test-0004" in page.url
    assert page.get_by_label("Threshold", exact=True).input_value() == "70"
    kept = canvas(page, "clean-saliency")
    picture = canvas(page, "clean-image")
    assert (kept == picture).all(-1).mean() > 0.3
    threshold(page, 0)
    assert (canvas(page, "clean-saliency") == picture).all(-1).mean() < 0.3
    page.go_back()
    page.locator("button.item[aria-current][data-id='phantom-test-0000']").wait_for()
    while (canvas(page, "clean-image") != first).any():
        page.wait_for_timeout(50)
    one.finished()
    assert page.locator(".verdict").inner_text() == said


def test_a_column_without_a_map_says_why_and_the_others_work(tab: Begin) -> None:
    page = tab().finished(CASE.replace("model=toy", "model=unlayered"))
    assert page.locator("figure.failed").count() == 3
    first = page.locator("figure.failed.clean")
    assert "No map for this model" in first.inner_text()
    assert "has no output of shape" in first.inner_text()
    label = first.locator("canvas").get_attribute("aria-label")
    assert "has no output of shape" in label
    assert page.locator("figure:not(.failed).empty").count() == 0
    assert page.locator(".strip > div[title*='the two SHAP maps']").count() == 3


def test_the_raw_range_stands_under_each_column(tab: Begin) -> None:
    page = tab().finished(CASE)
    column = page.locator(".numbers").nth(2)
    assert column.inner_text().split("\n")[-1].replace("\t", " ").endswith("8")
    assert column.locator(".clean dd").inner_text().startswith("−")
    assert " … " in column.locator(".attacked dd").inner_text()
    assert not column.get_by_text("Spearman").is_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    column.get_by_text("Spearman").wait_for()
