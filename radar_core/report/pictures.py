"""Pictures for paper: a map as darkness over its pale image, legible in black and white too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radar_core.pictures import difference, own_scale, to_pixels
from radar_core.report.blocks import Grid, Outline, Picture
from radar_core.view.blob import png
from radar_core.view.metric_words import short
from radar_core.view.panels import shown

if TYPE_CHECKING:
    from radar_core.case import CaseResult

Map = NDArray[np.float32]

MAPS_BESIDE = 3  # maps that stand beside the image; further ones have a grid of their own
STRONGEST = 0.10  # the share of pixels that an outline surrounds, as the top-k overlap has it
PALE = 0.62  # black of the image under a map, so that the map is darker than any of it
HATCH = 7  # pixels of 224 from one stripe to the next


def grids(result: CaseResult) -> list[Grid]:
    """The image and its maps: clean, attacked, difference; as many grids as the maps fill."""
    assert result.attack is not None
    captions = shown(result)["captions"]
    columns = {"Image": _images(result, captions)}
    for id, explanation in result.explanations.items():
        columns[short(explanation.title)] = _maps(result, id, captions)
    titles = list(columns)
    width = MAPS_BESIDE + 1
    return [
        Grid(
            some,
            [
                (name, [columns[title][row] for title in some])
                for row, name in enumerate(("Clean", "Attacked", "Difference"))
            ],
        )
        for some in (titles[at : at + width] for at in range(0, len(titles), width))
    ]


def _images(result: CaseResult, captions: dict[str, list[str]]) -> list[Picture]:
    assert result.attack is not None
    clean, attacked = result.clean.numpy(), result.attack.images[0].cpu().numpy()
    drawn = {
        "clean": ("Clean image", to_pixels(clean)),
        "attacked": ("Attacked image", to_pixels(attacked)),
        "difference": (
            "Difference of the images, amplified; mid-grey is no change",
            difference(clean, attacked, result.attack.linf[0]),
        ),
    }
    return [
        Picture(name, png(pixels), _two(captions, f"{row}-image"))
        for row, (name, pixels) in drawn.items()
    ]


def _maps(result: CaseResult, id: str, captions: dict[str, list[str]]) -> list[Picture]:
    """The maps of one explainer over the images they explain, and their difference."""
    assert result.attack is not None
    explanation = result.explanations[id]
    title, about = short(explanation.title), f"for {explanation.targets[0]}"
    images = [result.clean.numpy(), result.attack.images[0].cpu().numpy()]
    maps = [np.nan_to_num(values) for values in explanation.maps[:2].cpu().numpy()]
    scaled = [values / own_scale(values) for values in maps]
    lines = [outline(values) for values in maps]
    before = [Outline(line, dashed=True) for line in lines[0]]
    return [
        Picture(
            f"{title} {about}, clean",
            png(on_paper(images[0], scaled[0])),
            _two(captions, f"clean-{id}"),
            [Outline(line) for line in lines[0]],
        ),
        Picture(
            f"{title} {about}, attacked",
            png(on_paper(images[1], scaled[1])),
            _two(captions, f"attacked-{id}"),
            [*before, *(Outline(line) for line in lines[1])],
        ),
        Picture(
            f"{title} {about}, attacked minus clean",
            png(on_paper(np.ones_like(images[0]), scaled[1] - scaled[0])),
            _two(captions, f"difference-{id}"),
        ),
    ]


def _two(captions: dict[str, list[str]], name: str) -> tuple[str, str]:
    first, second = captions[name]
    return (first, second) if first else (second, "")


def on_paper(image: Map, values: Map) -> NDArray[np.uint8]:
    """A map of values in ±1 over its (3, h, w) image: the stronger, the darker.

    The image is pale grey, and the colours run evenly from light to dark (magma, reversed), so that
    every place is the darker, the more attribution it has, in grey as well. Negative values are
    hatched.
    """
    from matplotlib import colormaps

    strength = np.clip(np.abs(np.nan_to_num(values)), 0, 1)
    grey = np.tensordot(np.array([0.299, 0.587, 0.114], np.float32), image, 1)
    pale = np.repeat((PALE + (1 - PALE) * grey)[..., None], 3, axis=2)
    colours = np.asarray(colormaps["magma_r"](0.15 + 0.85 * strength))[..., :3]
    alpha = 0.95 * np.clip((strength - 0.06) / 0.35, 0, 1)
    alpha = np.where((values < 0) & _stripes(*strength.shape), 0.25 * alpha, alpha)[..., None]
    mixed = pale * (1 - alpha) + colours * alpha
    return to_pixels(mixed.transpose(2, 0, 1).astype(np.float32))


def _stripes(height: int, width: int) -> NDArray[np.bool_]:
    """Where the gaps of a hatching lie: every other diagonal stripe."""
    period = max(4, round(HATCH * min(height, width) / 224))
    rows, columns = np.ogrid[:height, :width]
    return np.asarray((rows + columns) % period >= period / 2)


def outline(values: Map) -> list[Sequence[tuple[float, float]]]:
    """Lines around the strongest tenth of a smoothed |map|, in shares of width and height.

    Smoothed over a fiftieth of the side, or a map that is fine noise would have no outline to see;
    loops of less than a tenth of the side are left out.
    """
    from scipy.ndimage import gaussian_filter
    from skimage import measure as skimage_measure

    measure: Any = skimage_measure

    size = np.abs(values).astype(np.float64)
    height, width = size.shape
    if not size.max() > size.min():
        return []
    smooth = np.pad(gaussian_filter(size, min(size.shape) / 50), 1)  # lines close at the edge
    threshold = float(np.quantile(smooth[1:-1, 1:-1], 1 - STRONGEST))
    lines: list[Sequence[tuple[float, float]]] = []
    for line in measure.find_contours(smooth, threshold):
        if np.ptp(line, axis=0).max() < min(size.shape) / 10:
            continue
        kept = measure.approximate_polygon(line, 0.002 * min(size.shape))
        points = np.clip((kept - 0.5) / (height, width), 0, 1)
        lines.append([(round(float(x), 4), round(float(y), 4)) for y, x in points])
    return lines
