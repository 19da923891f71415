"""The raw values, as a visitor takes them from the page and opens them."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from tests.browser.conftest import Visit, canvas
from tests.browser.test_report import taken

pytestmark = pytest.mark.browser


def test_what_is_downloaded_is_what_is_seen(visit: Callable[..., Visit]) -> None:
    one = visit()
    page = one.finished("/case?model=toy&attack=fgsm&eps=4%2F255&explain=saliency")
    one.settles()  # a click is lost where what stands above it moves it away
    with zipfile.ZipFile(taken(page, "Pictures as PNG")) as archive:
        for tile in ("clean", "attacked", "difference"):
            pixels = np.asarray(Image.open(archive.open(f"{tile}.png")))
            np.testing.assert_array_equal(canvas(page, f"{tile}-image"), pixels)
    found = np.load(taken(page, "Arrays as NPZ"), allow_pickle=False)
    shown = np.rint(found["attacked"].transpose(1, 2, 0) * 255)
    np.testing.assert_array_equal(canvas(page, "attacked-image"), shown)
    with taken(page, "Table as CSV").open(encoding="utf-8", newline="") as file:
        rows = {row["quantity"]: row for row in csv.DictReader(file)}
    overlap = float(rows["topk_overlap"]["between the two"])
    assert page.locator(".strip dd").nth(2).inner_text().startswith(f"{overlap:.2f}")
