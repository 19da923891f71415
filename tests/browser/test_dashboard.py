"""The dashboard in a real browser: main path, pixels, links, phone, dark, accessibility."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from radar_core.case import CaseResult, CaseSpec, run_case, run_curve
from radar_core.data import open_data
from radar_core.models import load_model
from radar_core.pictures import difference, to_pixels
from radar_core.verdict import flip_sentence
from tests.browser.conftest import Server, Visit, canvas, drawn, sideways, violations

pytestmark = pytest.mark.browser
Begin = Callable[..., Visit]
GROUND = {"light": "rgb(255, 255, 255)", "dark": "rgb(16, 20, 24)"}
CHARTS = "[class*=st-key-curve-] [data-testid=stPlotlyChart]"
CASE = "/case?model=toy&attack=pgd&pgd.steps=3&eps=4%2F255&explain=gradcam,shap&shap.samples=8"


@pytest.fixture(scope="module")
def expected(server: Server) -> CaseResult:
    """The same case, computed here through the library."""
    spec = CaseSpec(
        image="phantom-test-0000",
        model=str(server.models / "toy.safetensors"),
        attack_parameters=(("steps", 3),),
        explainers=("gradcam", "shap"),
        explainer_parameters=(("shap.samples", 8),),
    )
    *_, result = run_case(spec, data=open_data("phantom"), model=load_model(spec.model))
    return result


def test_from_the_home_page_to_finished_pictures(visit: Begin) -> None:
    one = visit()
    one.page.goto("/")
    one.page.get_by_role("heading", name="How attacks mislead").wait_for()
    one.page.get_by_text("not a medical device").wait_for()
    one.page.get_by_role("button", name="Open a case").click()
    page = one.finished()
    assert page.url.split("?")[0].endswith("/case")
    assert page.get_by_test_id("stMain").get_by_text("Synthetic").first.is_visible()
    assert "not a medical device" in page.inner_text("body")
    tiles = page.locator("figure canvas")
    assert tiles.count() == 12
    for i in range(12):
        assert tiles.nth(i).get_attribute("role") == "img"
        assert len(tiles.nth(i).get_attribute("aria-label")) > 10
    one.stays = True
    one.finished(CASE)  # what follows those pictures takes a minute, and is given up with them


def test_the_page_shows_what_the_library_computes(tab: Begin, expected: CaseResult) -> None:
    page = followed(tab())
    assert expected.attack is not None
    clean, attacked = expected.clean.numpy(), expected.attack.images[0].numpy()
    np.testing.assert_array_equal(canvas(page, "clean-image"), to_pixels(clean))
    np.testing.assert_array_equal(canvas(page, "attacked-image"), to_pixels(attacked))
    np.testing.assert_array_equal(
        canvas(page, "difference-image"), difference(clean, attacked, expected.attack.linf[0])
    )
    assert page.locator(".verdict").inner_text() == expected.as_dict()["verdict"]
    overlap = expected.scores["gradcam"]["topk_overlap"]
    assert page.locator(".strip dd").nth(2).inner_text().startswith(f"{overlap:.2f}")
    *_, curve = run_curve(
        replace(expected.spec, explainers=()),
        data=open_data("phantom"),
        model=load_model(expected.spec.model),
    )
    assert curve.flip is not None
    said = flip_sentence(curve.flip)
    assert said in page.locator("[data-testid=stMain]").inner_text()
    for chart in page.locator(CHARTS).all():
        assert chart.locator("path.js-line").count() >= 1, "a chart without a line"
    page.get_by_text("Every frame, as a table").click()
    rows = page.locator("[data-testid=stTable] table", has_text=re.compile(r"P\(\w+\)")).locator(
        "tbody tr"
    )
    rows.first.wait_for()
    assert rows.count() == len(curve.frames)
    for i, frame in sorted(curve.frames.items()):
        assert frame.status[0] in rows.nth(i).inner_text()


def test_a_change_of_one_grey_level_survives_to_the_screen(tab: Begin) -> None:
    page = tab().finished(CASE.replace("4%2F255", "1%2F255"))
    change = canvas(page, "attacked-image").astype(int) - canvas(page, "clean-image").astype(int)
    assert np.abs(change).max() == 1
    assert (change != 0).mean() > 0.5


def test_a_pasted_link_shows_the_same_case_at_once(tab: Begin, visit: Begin) -> None:
    filled = tab()
    page = filled.finished(CASE.replace("3&eps=4", "5&seed=3&image=7&eps=2"))
    page.wait_for_function("location.search.includes('phantom-test-0007')")
    one, asked = visit(scheme="dark"), []
    one.page.on("request", lambda request: asked.append(request.url))
    other = one.finished(page.url)
    assert not [url for url in asked if "/case/" in url], "it searched for its server"
    assert has_ground(other, "dark")
    assert page.locator(".verdict").inner_text() == other.locator(".verdict").inner_text()
    for tile in ("attacked-image", "attacked-shap", "difference-gradcam"):
        np.testing.assert_array_equal(canvas(page, tile), canvas(other, tile))
    took = [seconds(each, shown) for each, shown in ((filled, page), (one, other))]
    assert re.search(r"total \d+\.\d\d", took[0])
    assert took[0] == took[1], "it was computed again"


def seconds(one: Visit, page: Any) -> str:
    """What each step of the case took."""
    one.settles()  # a click is lost where what stands above it moves it away
    page.get_by_text("Distances, passes, versions").click()
    row = page.locator("tr", has_text="Seconds")
    row.wait_for()
    said: str = row.inner_text()
    return said


def test_a_case_fits_on_one_screen(tab: Begin) -> None:
    one = tab()
    page = one.finished(CASE.replace("gradcam,shap", "gradcam,shap,lime"))
    one.settles()
    box = page.locator(".stage .grid").bounding_box()
    assert box["y"] + box["height"] <= 900
    sizes = page.locator("figure").evaluate_all("all => all.map(f => f.clientWidth)")
    assert min(sizes) >= 150


def test_a_phone_shows_two_columns_and_the_difference_beneath(tab: Begin) -> None:
    page = tab(390, 844).finished(CASE)
    clean, attacked, below = (
        page.locator(f"figure:has([data-tile={row}-gradcam])").bounding_box()
        for row in ("clean", "attacked", "difference")
    )
    assert clean["y"] == attacked["y"]
    assert attacked["x"] > clean["x"] + clean["width"]
    assert below["y"] >= clean["y"] + clean["height"]


def test_holding_shows_the_clean_picture_and_releasing_the_attacked(tab: Begin) -> None:
    page = tab(motion="no-preference").finished(CASE)
    attacked, clean = canvas(page, "attacked-image"), canvas(page, "clean-image")
    button = page.get_by_role("button", name="Hold: clean")
    button.hover()
    page.mouse.down()
    page.locator(".root.as-clean").wait_for()
    np.testing.assert_array_equal(canvas(page, "attacked-image"), clean)
    page.mouse.up()
    page.locator(".root[data-stage]:not(.as-clean)").wait_for()
    np.testing.assert_array_equal(canvas(page, "attacked-image"), attacked)
    page.get_by_role("button", name="Flicker").click()
    page.locator(".root.as-clean").wait_for()
    page.locator(".root:not(.as-clean) .verdict").wait_for()
    page.get_by_role("button", name="Flicker").click()
    page.locator("button[aria-pressed=false]", has_text="Flicker").wait_for()
    page.locator(".root[data-stage]:not(.as-clean)").wait_for()
    np.testing.assert_array_equal(canvas(page, "attacked-image"), attacked)


def test_view_controls_work_without_the_server(tab: Begin) -> None:
    page = tab().finished(CASE)
    legend = "c => Array.from(c.getContext('2d').getImageData(255, 0, 1, 1).data).join()"
    assert page.locator(".legend canvas").first.evaluate(legend) == "252,253,191,255"
    page.get_by_label("Colours", exact=True).select_option("viridis")
    drawn(page)
    assert page.locator(".legend canvas").first.evaluate(legend) == "253,231,37,255"
    page.get_by_label("Overlay", exact=True).fill("0")
    drawn(page)
    np.testing.assert_array_equal(canvas(page, "attacked-gradcam"), canvas(page, "attacked-image"))
    assert page.get_by_label("Overlay", exact=True).get_attribute("aria-valuetext") == "0 percent"
    assert not page.locator("path.lesion").first.is_visible()
    page.get_by_role("button", name="Lesion").click()
    page.locator("path.lesion").first.wait_for()
    page.locator(".stage .grid").focus()
    page.keyboard.press("+")
    page.locator(".root.zoomed").wait_for()
    zooms = page.locator("figure canvas").evaluate_all(
        "a => a.map(c => getComputedStyle(c).transform)"
    )
    assert len(set(zooms)) == 1 and zooms[0].startswith("matrix(1.5")
    page.keyboard.press("0")
    page.locator(".root[data-stage]:not(.zoomed)").wait_for()


def test_the_filmstrip_is_used_with_the_keyboard(tab: Begin) -> None:
    one = tab()
    page = one.finished(CASE)
    page.locator("button.item img").nth(11).wait_for()
    assert page.locator("button.item[aria-current]").get_attribute("data-id") == "phantom-test-0000"
    page.locator("button.item").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_function("location.search.includes('phantom-test-0005')")
    page.locator("button.item[aria-current][data-id='phantom-test-0005']").wait_for()
    one.finished()
    page.get_by_role("button", name="Next images").click()
    page.locator("button.item[data-id='phantom-test-0012'] img").wait_for()


def test_an_epsilon_that_cannot_be_leaves_the_last_picture(tab: Begin) -> None:
    one = tab()
    page = one.finished(CASE)
    before = canvas(page, "attacked-image")
    field = page.get_by_role("combobox", name=re.compile("largest change"))
    field.fill("abc")
    field.press("Enter")
    page.get_by_text("ε is a number, not 'abc'").wait_for()
    one.finished()  # the picture may be decoded once more
    np.testing.assert_array_equal(canvas(page, "attacked-image"), before)
    assert "eps=abc" in page.url


def test_cancel_stops_the_work(tab: Begin) -> None:
    one = tab()
    one.goes(CASE.replace("pgd.steps=3", "pgd.steps=1000&pgd.restarts=50&seed=9"))
    one.page.get_by_role("button", name="Cancel").click(timeout=20_000)
    one.page.get_by_text("Cancelled.").wait_for()
    one.rests()
    started = time.monotonic()
    one.finished(CASE.replace("pgd.steps=3", "pgd.steps=2&seed=9"))
    assert time.monotonic() - started < 120  # all of it would take far longer


@pytest.mark.parametrize(
    "path", ["/", CASE, "/library", "/evaluate", "/experiments", "/train", "/checks", "/methods"]
)
def test_axe_finds_nothing_and_nothing_scrolls_sideways(tab: Begin, path: str) -> None:
    one = tab(scheme="dark")
    page = opened(one, path)
    assert has_ground(page, "dark") and violations(page) == []
    one.looks(1440, 900, "light", "reduce")
    if path == CASE:  # charts have the colours of when they were drawn
        opened(one, path)
    assert has_ground(page, "light") and violations(page) == []
    assert widest(page) <= 1


def has_ground(page: Any, scheme: str) -> bool:
    """Wait until the page has the ground of a colour scheme."""
    page.wait_for_function(
        "colour => getComputedStyle(document.querySelector('[data-testid=stApp]'))"
        ".backgroundColor === colour",
        arg=GROUND[scheme],
    )
    return True


def opened(one: Visit, path: str) -> Any:
    """A page once all of it is there."""
    if path == CASE:
        return followed(one)
    page = one.goes(path)
    last = {"/": "Research software", "/checks": "FGSM, PGD and", "/methods": "classes akiec"}
    last |= {"/evaluate": "A thousand images take", "/train": "The command that does the same"}
    last |= {"/library": "Or fetch a public one", "/experiments": "The command that does"}
    page.get_by_text(re.compile(last[path])).last.wait_for()
    if path == "/experiments":
        page.locator("[data-tag]").first.wait_for()
    one.rests()
    return page


def followed(one: Visit) -> Any:
    """The page once the case is computed at every ε."""
    page = one.finished(CASE)
    page.get_by_text(re.compile("smallest ε found|No ε up to")).first.wait_for(timeout=60_000)
    for i in range(3):
        page.locator(CHARTS).nth(i).locator(".main-svg").first.wait_for()
    page.get_by_role("button", name="Stop").first.wait_for(state="detached", timeout=120_000)
    one.rests()
    return page


def widest(page: Any) -> int:
    """Pixels that the page can be scrolled sideways, on a wide screen or a phone's."""
    found = []
    for width, height in ((1440, 900), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(300)  # what follows the width has followed
        found.append(sideways(page))
    return max(found)


def test_headers_keep_strangers_out(server: Server) -> None:
    import urllib.error
    import urllib.request

    with urllib.request.urlopen(f"{server.url}/case") as answer:
        headers = {k.lower(): v for k, v in answer.headers.items()}
    assert "default-src 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    with urllib.request.urlopen(f"{server.url}/assets/icon.svg") as answer:
        assert answer.status == 200
    hidden = ("models/phantom.json", "%6dodels/phantom.json", "./models/phantom.json")
    for path in hidden:
        with pytest.raises(urllib.error.HTTPError, match=r"40[04]"):
            urllib.request.urlopen(f"{server.url}/assets/{path}")
