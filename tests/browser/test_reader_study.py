"""The reader study in a real browser: by arrow keys, on a phone, without a hint which is which."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from radar_core.data import open_data
from radar_core.models import load_model
from radar_core.readers import PairPlan, prepare_pairs
from tests.browser.conftest import Server, Visit, sideways, violations

pytestmark = pytest.mark.browser
Begin = Callable[..., Visit]
STUDY = "/reader_study?model=toy&attack=fgsm&eps=16%2F255&pairs=3&seed=2"


def test_a_reader_answers_with_the_arrow_keys(visit: Begin, server: Server) -> None:
    one = visit()
    page = one.page
    page.goto(STUDY)
    page.get_by_label("Your code", exact=True).fill("keys")
    page.get_by_label("Your code", exact=True).press("Enter")
    page.get_by_role("button", name="Begin").click()
    page.get_by_role("img", name="Pair 1, the left picture").wait_for()
    one.rests()
    assert violations(page) == []
    are_those_that_were_made(page, server)
    a_phone_shows_all(one)
    for n, key in enumerate(("ArrowLeft", "ArrowRight", "ArrowLeft"), 1):
        page.get_by_role("img", name=f"Pair {n}, the left picture").wait_for()
        one.rests()
        said = page.get_by_test_id("stMain").inner_html().lower()
        assert "phantom-test" not in said, "the picture's name may give it away"
        page.keyboard.press(key)
    page.get_by_text("You found").wait_for()
    assert "3 of 3" in page.get_by_test_id("stMain").inner_text()


def are_those_that_were_made(page: Any, server: Server) -> None:
    """The pictures of the first pair, to the last bit."""
    plan = PairPlan(model="toy", attack="fgsm", eps="16/255", pairs=3, seed=2)
    model = load_model(server.models / "toy.safetensors")
    first = next(prepare_pairs(plan, open_data("phantom"), model)).pairs[0]
    for side, made in (("left", first.left), ("right", first.right)):
        source = page.get_by_role("img", name=f"Pair 1, the {side} picture").get_attribute("src")
        shown = page.request.get(source).body()
        assert np.array_equal(*(np.asarray(Image.open(io.BytesIO(b))) for b in (shown, made)))


def a_phone_shows_all(one: Visit) -> None:
    """Both pictures and both answers."""
    one.looks(390, 844, "light", "reduce")
    one.page.wait_for_timeout(300)  # what follows the width has followed
    assert sideways(one.page) <= 1
    for name in ("Left was attacked", "Right was attacked"):
        assert one.page.get_by_role("button", name=name).is_visible()
    one.looks(1440, 900, "light", "reduce")
