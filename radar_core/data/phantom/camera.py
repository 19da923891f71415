"""Healthy skin around the lesion, and everything between the skin and the picture file.

Hairs, gel bubbles, rulers, lamp fall-off, lens blur, colour balance and noise carry no
information on the class and are drawn alike for all.
"""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from radar_core.data.phantom.lesion import Scene
from radar_core.data.phantom.optics import Field
from radar_core.data.phantom.texture import (
    Shape,
    blob,
    cells,
    noise,
    raster,
    smoothstep,
    wander,
)


def paint_skin(rng: np.random.Generator, scene: Scene) -> None:
    """Ground tone, mottle, furrows, freckles and fine surface vessels of the healthy skin."""
    size, maps, unit = scene.size, scene.maps, scene.unit
    sun = rng.beta(1.2, 2.5)  # sun damage: mottle, freckles and visible vessels grow with it
    tone = float(np.exp(rng.normal(np.log(0.17), 0.40)))
    flush = float(np.exp(rng.normal(np.log(0.33), 0.42)))
    broad, middle = noise(rng, size, 3.2), noise(rng, size, 2.0, lattice=96)
    fine = noise(rng, size, pitch=unit * rng.uniform(0.22, 0.4), lattice=160)
    fine = 0.55 * fine + 0.65 * noise(rng, size, 0.8, lattice=200)
    maps.melanin += np.float32(tone) * (1.0 + np.float32(0.14 + 0.24 * sun) * middle)
    maps.blood += np.float32(flush) * (
        1.0 + np.float32(0.12 + 0.15 * sun) * broad + np.float32(0.10 + 0.18 * sun) * fine
    )
    furrow = np.float32(rng.uniform(-0.03, 0.05))
    if abs(furrow) > 0.008:
        near, far = cells(
            rng,
            scene.x + np.float32(0.2 * unit) * middle,
            scene.y * np.float32(rng.uniform(0.6, 1.0)),
            unit * rng.uniform(0.4, 0.8),
            0.95,
        )
        maps.keratin += furrow * (1.0 - smoothstep(far - near, 0.02, 0.3))
        maps.blood += 2.0 * furrow * (1.0 - smoothstep(far - near, 0.02, 0.3))
    if sun > 0.3:
        freckle = smoothstep(noise(rng, size, 2.4, lattice=96), 1.0, 2.2)
        maps.melanin += np.float32(0.45 * sun * rng.uniform(0.2, 1.0)) * freckle
    if rng.random() < 0.15 + 0.4 * sun:
        shapes = [
            Shape(
                wander(
                    rng, (rng.random(), rng.random()), rng.uniform(0, 6.3), rng.uniform(0.1, 0.4)
                ),
                rng.uniform(0.2, 0.8),
                unit * rng.uniform(0.03, 0.07),
            )
            for _ in range(int(rng.integers(3, 16)))
        ]
        maps.blood += np.float32(0.28) * raster(size, shapes, 0.003)


def lay_hairs(rng: np.random.Generator, scene: Scene, light: Field) -> None:
    """Draw hairs over the linear picture ``light`` in place; most pictures have none."""
    kind = rng.random()
    if kind > 0.42:
        return
    count = int(rng.integers(1, 7)) if kind > 0.10 else int(rng.integers(8, 26))
    lean = rng.uniform(0, 2 * np.pi)
    stubble = rng.random() < 0.2
    length = rng.uniform(0.03, 0.09) if stubble else rng.uniform(0.2, 0.9)
    width = rng.uniform(0.0025, 0.0065)
    bend = rng.normal(0, 0.7)
    shapes = []
    for _ in range(count):
        heading = lean + 0.7 * rng.standard_normal()
        start = (rng.uniform(-0.1, 1.1), rng.uniform(-0.1, 1.1))
        reach = length * rng.uniform(0.5, 1.2)
        path = wander(
            rng, start, heading, reach, bend=bend + 0.5 * rng.standard_normal(), wobble=0.04
        )
        wide = width * rng.uniform(0.6, 1.2)
        shapes.append(Shape(path[:10], 0.9, wide))
        shapes.append(Shape(path[9:], 0.75, 0.7 * wide))
    cover = raster(scene.size, shapes, rng.uniform(0.0008, 0.0025))
    # Mostly dark hairs, now and then the pale down of the face or back.
    down = rng.random() < 0.2
    dark = np.float32(0.75 if down else np.exp(rng.uniform(np.log(0.012), np.log(0.25))))
    colour = dark * np.array([1.0, rng.uniform(0.55, 0.85), rng.uniform(0.3, 0.75)], np.float32)
    cover *= np.float32(rng.uniform(0.2, 0.45) if down else rng.uniform(0.55, 1.0))
    light += cover[..., None] * (colour - light)


def lay_marks(rng: np.random.Generator, scene: Scene, light: Field) -> None:
    """Gel bubbles, glints and ruler ticks over the linear picture ``light``, in place."""
    size = scene.size
    if rng.random() < 0.10:
        rims, shines = [], []
        for _ in range(int(rng.integers(2, 14))):
            centre, radius = (rng.random(), rng.random()), rng.uniform(0.006, 0.03)
            turn = np.linspace(0, 2 * np.pi, 20)
            ring = np.stack(
                [centre[0] + radius * np.cos(turn), centre[1] + radius * np.sin(turn)], 1
            )
            rims.append(Shape(ring, rng.uniform(0.4, 1.0), 0.22 * radius))
            shine = (centre[0] - 0.4 * radius, centre[1] - 0.4 * radius)
            shines.append(blob(rng, shine, 0.25 * radius))
        light *= 1.0 - 0.35 * raster(size, rims, 0.0015)[..., None]
        light += 0.5 * raster(size, shines, 0.0015)[..., None] * (1.0 - light)
    if rng.random() < 0.22:
        middle = (rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.9))
        glints = []
        for _ in range(int(rng.integers(4, 40))):
            off = rng.uniform(0.03, 0.3) * rng.standard_normal(2)
            glints.append(
                blob(
                    rng,
                    (middle[0] + float(off[0]), middle[1] + float(off[1])),
                    rng.uniform(0.0015, 0.005),
                    level=rng.uniform(0.3, 1.0),
                    aspect=rng.uniform(1.0, 2.5),
                    heading=rng.uniform(0, np.pi),
                )
            )
        light += 0.75 * raster(size, glints, 0.0008)[..., None] * (0.95 - light)
    if rng.random() < 0.05:
        angle, step = rng.uniform(0, 2 * np.pi), rng.uniform(0.025, 0.05)
        along = np.array([np.cos(angle), np.sin(angle)])
        across = np.array([-along[1], along[0]])
        origin = 0.5 + across * rng.uniform(0.38, 0.46) - 0.6 * along
        ticks = [
            Shape(
                np.stack([origin + k * step * along, origin + k * step * along + across * reach]),
                0.9,
                0.006,
            )
            for k in range(int(1.2 / step))
            for reach in [0.05 if k % 5 == 0 else 0.025]
        ]
        light *= 1.0 - 0.85 * raster(size, ticks, 0.001)[..., None]


def lamp(rng: np.random.Generator, scene: Scene) -> Field:
    """Light that falls on the skin, ``(size, size)``: fall-off, tilt and the lens tube's shadow."""
    x, y = scene.x - np.float32(0.5), scene.y - np.float32(0.5)
    radius = np.hypot(x, y)
    light = 1.0 - np.float32(rng.uniform(0.0, 0.75)) * radius**3
    tilt, turn = rng.uniform(0.0, 0.22), rng.uniform(0, 2 * np.pi)
    light *= 1.0 + np.float32(tilt) * (np.float32(np.cos(turn)) * x + np.float32(np.sin(turn)) * y)
    light *= 1.0 + np.float32(0.03) * noise(rng, scene.size, 3.6)
    if rng.random() < 0.07:
        edge = rng.uniform(0.52, 0.70)
        off = rng.normal(0, 0.04, 2)
        tube = np.hypot(x - np.float32(off[0]), y - np.float32(off[1]))
        light *= 1.0 - smoothstep(tube, edge - 0.03, edge + 0.02) * np.float32(0.998)
    return np.asarray(light, dtype=np.float32)


def expose(
    rng: np.random.Generator, grain: np.random.Generator, light: Field
) -> npt.NDArray[np.uint8]:
    """Turn linear light ``(size, size, 3)`` into an sRGB-like picture, uint8.

    ``grain`` alone draws the sensor noise, whose count of numbers depends on the size.
    """
    gain = np.exp(rng.normal(-0.38, 0.16))
    cast = np.exp(rng.normal((-0.02, -0.01, 0.07), (0.07, 0.07, 0.11)))
    light = light * (gain * cast).astype(np.float32)
    blur = float(np.exp(rng.normal(np.log(0.0020), 0.45))) * light.shape[0]
    light = ndimage.gaussian_filter(light, (blur, blur, 0.0), truncate=3.0)
    # A camera's tone curve: gamma 2.2 with a shoulder that keeps highlights from clipping hard.
    light = np.maximum(light, 0.0)
    light = np.where(light > 0.8, 0.8 + 0.2 * np.tanh((light - 0.8) / 0.2), light)
    tone = light ** np.float32(1 / 2.2)
    # The S-shaped contrast that cameras apply to please the eye.
    contrast = np.float32(rng.uniform(0.1, 0.55) / (2 * np.pi))
    value = 255.0 * (tone - contrast * np.sin(np.float32(2 * np.pi) * tone))
    mean = value.mean(axis=2, keepdims=True)
    value = mean + np.float32(rng.normal(0.98, 0.13)) * (value - mean)
    value += np.float32(rng.uniform(0.4, 2.0)) * grain.standard_normal(
        value.shape, dtype=np.float32
    )
    picture: npt.NDArray[np.uint8] = np.clip(np.rint(value), 0, 255).astype(np.uint8)
    # On a tiny picture the blocks would swallow the structures, so those stay uncompressed.
    if rng.random() < 0.6 and picture.shape[0] >= 128:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=int(rng.integers(70, 95)))
        picture = np.array(Image.open(file))
    return picture
