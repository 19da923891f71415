"""Outlines of masks, along the edges of their pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def outline(mask: NDArray[np.bool_]) -> str:
    """An SVG path along the border of a (h, w) mask, in pixel coordinates.

    Each run of border between two pixels is one line; the picture's own edge counts as border.
    """
    padded = np.pad(mask, 1)
    level = [f"M{x} {y}h{n}" for y, x, n in _runs(padded[1:, 1:-1] != padded[:-1, 1:-1])]
    upright = [f"M{x} {y}v{n}" for x, y, n in _runs((padded[1:-1, 1:] != padded[1:-1, :-1]).T)]
    return "".join(level + upright)


def _runs(borders: NDArray[np.bool_]) -> list[tuple[int, int, int]]:
    """Row, start and length of each run of True in the rows of an array."""
    steps = np.diff(np.pad(borders, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(steps == 1)
    _, ends = np.nonzero(steps == -1)
    return list(zip(rows.tolist(), starts.tolist(), (ends - starts).tolist(), strict=True))
