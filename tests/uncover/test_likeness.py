"""Whether an image is of a kind that is known: against numpy and scikit-learn."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors

from radar_core.detection.likeness import (
    APPEARANCE,
    CELLS,
    FAINTEST,
    FEATURES,
    MARGIN,
    TAIL,
    appearance,
    learn,
)

DRAWS = torch.Generator().manual_seed(0)
CLEAN, KEPT_BACK = torch.randn(60, 6, generator=DRAWS), torch.randn(80, 6, generator=DRAWS)


def test_colours_are_opponent_channels_averaged_over_cells() -> None:
    side = 3 * CELLS
    images = torch.rand(4, 3, side, side, generator=DRAWS) * torch.tensor(
        [1.0, 0.5, 0.2, 0.0]
    ).view(4, 1, 1, 1)
    cells = images.numpy().astype(np.float64).reshape(4, 3, CELLS, 3, CELLS, 3).mean((3, 5))
    red, green, blue = cells[:, 0], cells[:, 1], cells[:, 2]
    channels = np.stack([(red + green + blue) / 3, red - green, (red + green) / 2 - blue], 1)
    spread = np.log(np.maximum(channels.std((2, 3)), FAINTEST))
    wanted = np.concatenate([channels.mean((2, 3)), spread], 1)
    np.testing.assert_allclose(appearance(images).numpy(), wanted, rtol=1e-4, atol=1e-5)


def distances(of: np.ndarray, known: np.ndarray, own: bool = False) -> np.ndarray:
    """To the nearest known one that is not itself."""
    found = NearestNeighbors(n_neighbors=1 + own).fit(known).kneighbors(of)[0]
    nearest: np.ndarray = found[:, -1]
    return nearest


def test_reach_is_how_far_clean_images_lie_from_others() -> None:
    variants = CLEAN + 1e-3 * torch.randn(CLEAN.shape, generator=DRAWS)
    for kind in (APPEARANCE, FEATURES):
        if kind == APPEARANCE:
            middle, scale = CLEAN.mean(0), CLEAN.std(0)
            clean, made, kept = ((part - middle) / scale for part in (CLEAN, variants, KEPT_BACK))
        else:
            clean, made, kept = (
                part / part.norm(dim=1, keepdim=True) for part in (CLEAN, variants, KEPT_BACK)
            )
        apart = np.concatenate(
            [
                distances(clean.numpy(), clean.numpy(), own=True),
                distances(kept.numpy(), torch.cat([clean, made]).numpy()),
            ]
        )
        found = learn(kind, [CLEAN, variants], KEPT_BACK)
        np.testing.assert_allclose(found.reach.item(), MARGIN * np.quantile(apart, TAIL), rtol=3e-3)


def test_what_lies_beyond_reach_is_unlike() -> None:
    found = learn(APPEARANCE, [CLEAN], KEPT_BACK)
    assert not found.unlike(CLEAN).any()
    assert found.unlike(CLEAN + 20).all()


def test_an_image_beside_what_was_made_of_it_does_not_narrow_what_is_like() -> None:
    many = [CLEAN, *(CLEAN + 1e-3 * step for step in range(1, 20))]
    alone, among = learn(FEATURES, many[:1], KEPT_BACK), learn(FEATURES, many, KEPT_BACK)
    assert among.reach > 0.9 * alone.reach
