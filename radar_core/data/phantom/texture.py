"""Building blocks of the phantom's pictures: random fields, cell patterns, blobs and strokes.

Everything is drawn in unit coordinates (the frame is the square from 0 to 1, x to the right and y
down), with random numbers whose count does not depend on the picture size, so that a scene keeps
its look at every size. No function keeps state or uses threads, and none calls BLAS, whose
rounding may change with the number of its threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from scipy import fft, ndimage

from radar_core.data.phantom.optics import Field

Points = npt.NDArray[np.float64]
Edge = float | np.floating[Any] | Field

# Share of a periodic lattice that the frame shows, so that opposite edges do not match.
SHOWN = 0.8
# Side in px of the canvas on which blobs and strokes are drawn before they are averaged down.
DRAWING_SIDE = 1024


def smoothstep(x: Field, low: Edge, high: Edge) -> Field:
    """Cubic ramp from 0 at ``low`` to 1 at ``high``."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), dtype=np.float32)


def limit(x: Field, low: float = 0.0, high: float = 1.0) -> Field:
    """``x`` held between two values."""
    return np.asarray(np.clip(x, low, high), dtype=np.float32)


@lru_cache(maxsize=16)
def pixel_grid(size: int) -> tuple[Field, Field]:
    """Unit coordinates ``x`` and ``y`` of the pixel centres, each ``(size, size)``; read only."""
    line = ((np.arange(size) + 0.5) / size).astype(np.float32)
    x = np.ascontiguousarray(np.broadcast_to(line[None, :], (size, size)))
    y = np.ascontiguousarray(np.broadcast_to(line[:, None], (size, size)))
    x.setflags(write=False)
    y.setflags(write=False)
    return x, y


@lru_cache(maxsize=64)
def _taps(size: int, lattice: int) -> tuple[npt.NDArray[np.intp], Field]:
    """Indices and Catmull-Rom weights, each ``(4, size)``, that read a lattice along one axis."""
    place = (np.arange(size) + 0.5) / size * lattice * SHOWN
    base = np.floor(place).astype(np.intp)
    t = place - base
    weights = 0.5 * np.stack(
        [
            -t + 2 * t**2 - t**3,
            2 - 5 * t**2 + 3 * t**3,
            t + 4 * t**2 - 3 * t**3,
            -(t**2) + t**3,
        ]
    )
    index = (base[None, :] + np.arange(-1, 3)[:, None]) % lattice
    return index, weights.astype(np.float32)


def enlarge(lattice: Field, size: int) -> Field:
    """Read a periodic square lattice at the pixel centres by Catmull-Rom interpolation."""
    index, weights = _taps(size, lattice.shape[0])
    rows = sum(weights[k][:, None] * lattice[index[k]] for k in range(4))
    return np.asarray(
        sum(weights[k][None, :] * np.take(rows, index[k], axis=1) for k in range(4)),
        dtype=np.float32,
    )


@lru_cache(maxsize=128)
def _filter(lattice: int, slope: float, pitch: float, stretch: float) -> Field:
    """Amplitude of each spatial frequency; see `noise`."""
    fy = np.fft.fftfreq(lattice)[:, None] * lattice * SHOWN
    fx = np.fft.rfftfreq(lattice)[None, :] * lattice * SHOWN / stretch
    f = np.hypot(fx, fy)
    f[0, 0] = 1.0
    ring = np.exp(-(((f * pitch - 1.0) / 0.35) ** 2))
    amplitude = np.asarray(ring if pitch > 0.0 else f ** (-slope / 2.0), dtype=np.float32)
    amplitude[0, 0] = 0.0
    return amplitude


def noise(
    rng: np.random.Generator,
    size: int,
    slope: float = 3.0,
    *,
    pitch: float = 0.0,
    stretch: float = 1.0,
    lattice: int = 64,
) -> Field:
    """Gaussian random field of mean 0 and standard deviation 1.

    Its power falls with frequency to the power ``-slope`` (larger is smoother), or, where
    ``pitch`` is given, sits in a ring at that wavelength (in frame widths). ``stretch`` above 1
    draws it out along y. ``lattice`` bounds the detail: cells along the frame's side over 0.8.
    """
    white = rng.standard_normal((lattice, lattice), dtype=np.float32)
    wave = fft.rfft2(white) * _filter(lattice, slope, pitch, stretch)
    field = np.asarray(fft.irfft2(wave, s=(lattice, lattice)), dtype=np.float32)
    return enlarge(field / (field.std() + 1e-9), size)


def cells(
    rng: np.random.Generator, x: Field, y: Field, pitch: float, jitter: float = 0.9
) -> tuple[Field, Field]:
    """Worley's cell pattern at the places ``(x, y)`` (unit coordinates, may be warped).

    Returns the distance to the nearest cell centre and to the second nearest, in units of
    ``pitch`` (S. Worley, "A cellular texture basis function", SIGGRAPH 1996). Their difference
    is 0 on the walls between cells.
    """
    count = 96  # cells of the periodic table of centres; more than any frame shows
    offset = (0.5 + jitter * (rng.random((2, count, count), dtype=np.float32) - 0.5)).reshape(2, -1)
    px, py = x / pitch + 8.0, y / pitch + 8.0
    ix, iy = np.floor(px), np.floor(py)
    fx, fy = px - ix, py - iy
    column, row = ix.astype(np.int32) % count, iy.astype(np.int32) % count
    first = np.full(x.shape, 9.0, dtype=np.float32)
    second = first.copy()
    for dy in (-1, 0, 1):
        shifted = (row + dy) % count * count
        for dx in (-1, 0, 1):
            at = shifted + (column + dx) % count
            ax = np.take(offset[0], at) + (dx - fx)
            ay = np.take(offset[1], at) + (dy - fy)
            square = ax * ax + ay * ay
            np.minimum(second, np.maximum(first, square), out=second)
            np.minimum(first, square, out=first)
    return np.sqrt(first), np.sqrt(second)


@dataclass(frozen=True)
class Shape:
    """A closed polygon or an open stroke: points ``(n, 2)``, level 0 to 1, stroke width or 0."""

    points: Points
    level: float = 1.0
    width: float = 0.0


def raster(size: int, shapes: Sequence[Shape], blur: float = 0.0) -> Field:
    """Coverage 0 to 1 of the shapes, ``(size, size)``; ``blur`` is a Gaussian's sigma (frame).

    Where shapes overlap the stronger one shows.
    """
    over = max(1, min(4, DRAWING_SIDE // size))
    side = size * over
    page = Image.new("L", (side, side), 0)
    pen = ImageDraw.Draw(page)
    for shape in sorted(shapes, key=lambda s: s.level):
        path = [(float(px), float(py)) for px, py in shape.points * side - 0.5]
        level = shape.level
        if shape.width > 0.0:
            width = shape.width * side
            # A line thinner than the drawing grid keeps its darkness by a lower level.
            pen.line(path, fill=round(255 * level * min(1.0, width)), width=max(1, round(width)))
        else:
            pen.polygon(path, fill=round(255 * level))
    if over > 1:
        page = page.reduce(over)
    cover = np.asarray(page, dtype=np.float32) / 255.0
    if blur > 0.0:
        cover = soften(cover, blur)
    return cover


def soften(field: Field, blur: float) -> Field:
    """Gaussian blur with sigma ``blur`` in frame widths."""
    sigma = blur * field.shape[0]
    return np.asarray(ndimage.gaussian_filter(field, sigma, truncate=3.0), dtype=np.float32)


def warp(rng: np.random.Generator, field: Field, reach: float) -> Field:
    """Push a field's pixels about by smooth noise of standard deviation ``reach`` (frame)."""
    size = field.shape[0]
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    push = np.float32(reach * size)
    x += push * noise(rng, size, 3.1)
    y += push * noise(rng, size, 3.1)
    moved = ndimage.map_coordinates(field, [y, x], order=1, mode="nearest")
    return np.asarray(moved, dtype=np.float32)


def blob(
    rng: np.random.Generator,
    centre: tuple[float, float],
    radius: float,
    *,
    level: float = 1.0,
    wobble: float = 0.15,
    aspect: float = 1.0,
    heading: float = 0.0,
) -> Shape:
    """A roundish polygon: ``wobble`` roughens its outline, ``aspect`` draws it out."""
    turn = np.linspace(0.0, 2.0 * np.pi, 20, endpoint=False)
    phase = rng.uniform(0.0, 2.0 * np.pi, 3)
    waves = sum(np.cos((k + 2) * turn + phase[k]) / (k + 1) for k in range(3))
    reach = radius * (1.0 + wobble * np.asarray(waves))
    long, short = reach * np.cos(turn) * np.sqrt(aspect), reach * np.sin(turn) / np.sqrt(aspect)
    c, s = np.cos(heading), np.sin(heading)
    return Shape(
        np.stack([centre[0] + c * long - s * short, centre[1] + s * long + c * short], 1), level
    )


def wander(
    rng: np.random.Generator,
    start: tuple[float, float],
    heading: float,
    length: float,
    *,
    bend: float = 0.0,
    wobble: float = 0.15,
    steps: int = 14,
) -> Points:
    """Points ``(steps + 1, 2)`` of a path that turns by ``bend`` rad in all, plus a random walk."""
    turns = bend / steps + wobble * rng.standard_normal(steps)
    angle = heading + np.cumsum(turns)
    stride = length / steps * np.stack([np.cos(angle), np.sin(angle)], 1)
    return np.concatenate([[start], np.asarray(start) + np.cumsum(stride, 0)])
