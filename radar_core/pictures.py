"""Arrays as pictures: overlays, difference maps, and the files of one case."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from radar_core.case import CaseResult

PERCENTILE = 99.7


def own_scale(values: NDArray[np.float32]) -> float:
    """The value shown at full colour: the 99.7th percentile of a map's own |value|.

    Each map has its own, as its focus is what is compared; the raw values keep their size.
    """
    finite = np.abs(values[np.isfinite(values)])
    top = float(np.percentile(finite, PERCENTILE)) if finite.size else 0.0
    return top or float(finite.max(initial=0.0)) or 1.0


def to_pixels(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(3, h, w) in [0, 1] as (h, w, 3) 8-bit pixels."""
    return np.rint(np.clip(image, 0, 1).transpose(1, 2, 0) * 255).astype(np.uint8)


def difference(
    clean: NDArray[np.float32], attacked: NDArray[np.float32], radius: float
) -> NDArray[np.uint8]:
    """The signed perturbation, amplified so that ±radius fills the range; mid-grey is no change."""
    gain = 0.5 / radius if radius else 1.0
    return to_pixels(0.5 + (attacked - clean) * gain)


def overlay(
    image: NDArray[np.float32],
    values: NDArray[np.float32],
    *,
    signed: bool,
    opacity: float = 0.6,
) -> NDArray[np.uint8]:
    """A map, scaled to ±1, over its image: magma; blue to red about zero where signed.

    Weak values stay transparent, so that the lesion remains visible.
    """
    from matplotlib import colormaps

    strength = np.clip(np.nan_to_num(values), -1, 1)
    coordinate = (strength + 1) / 2 if signed else np.abs(strength)
    colours = np.asarray(colormaps["berlin" if signed else "magma"](coordinate))[..., :3]
    alpha = opacity * np.clip((np.abs(strength) - 0.1) / 0.35, 0, 1)[..., None]
    mixed = image.transpose(1, 2, 0) * (1 - alpha) + colours * alpha
    return to_pixels(mixed.transpose(2, 0, 1).astype(np.float32))


def case_pictures(result: CaseResult) -> dict[str, NDArray[np.uint8]]:
    """A finished case as (h, w, 3) 8-bit pixels: `clean`, `difference`, `gradcam-attacked`, …"""
    assert result.attack is not None
    clean = result.clean.numpy()
    attacked = result.attack.images[0].cpu().numpy()
    pictures = {
        "clean": to_pixels(clean),
        "attacked": to_pixels(attacked),
        "difference": difference(clean, attacked, result.attack.linf[0]),
    }
    for id, explanation in result.explanations.items():
        maps = explanation.maps.cpu().numpy()
        maps = np.stack([values / own_scale(values) for values in maps])
        for i, (row, image) in enumerate((("clean", clean), ("attacked", attacked))):
            pictures[f"{id}-{row}"] = overlay(image, maps[i], signed=explanation.signed)
        pictures[f"{id}-difference"] = overlay(
            np.full_like(clean, 0.06), maps[1] - maps[0], signed=True, opacity=1.0
        )
    return pictures


def levels(values: NDArray[np.float32], signed: bool) -> NDArray[np.uint8]:
    """A map of any shape on its own scale in 8 bits; 128 is zero where it is signed."""
    values = values / own_scale(values)
    if signed:
        return np.round(128 + 127 * np.clip(values, -1, 1)).astype(np.uint8)
    return np.round(255 * np.clip(values, 0, 1)).astype(np.uint8)
