"""Pigmented structures of dermoscopy: network, globules, streaks, veil, regression and others.

Each painter adds its structure to the scene's maps with a ``strength`` (1 = textbook) and returns
the structure's footprint, 0 to 1, for the evidence mask. Terms after H. Kittler et al.,
"Standardization of terminology in dermoscopy/dermatoscopy", J. Am. Acad. Dermatol. 74 (2016) 1093.
"""

from __future__ import annotations

import numpy as np

from radar_core.data.phantom.lesion import Scene
from radar_core.data.phantom.optics import Field
from radar_core.data.phantom.texture import (
    Shape,
    blob,
    cells,
    limit,
    noise,
    raster,
    smoothstep,
    soften,
    wander,
    warp,
)


def _mesh(
    rng: np.random.Generator, scene: Scene, pitch: float, uneven: float, line: float
) -> Field:
    """Honeycomb of lines, 0 to 1: ``uneven`` warps its cells, ``line`` widens its lines."""
    warp = np.float32(pitch * (0.25 + 1.1 * uneven))
    x = scene.x + warp * noise(rng, scene.size, 2.4)
    y = scene.y + warp * noise(rng, scene.size, 2.4)
    near, far = cells(rng, x, y, pitch, 0.55 + 0.4 * uneven)
    width = line * limit(1.0 + 0.6 * uneven * noise(rng, scene.size, 2.6), 0.3, 2.4)
    mesh = soften(1.0 - smoothstep(far - near, 0.1 * width, 1.7 * width), 0.08 * pitch)
    # Lines are not equally dark all over: the pigment load of the ridges varies.
    return mesh * limit(0.75 + 0.35 * noise(rng, scene.size, 2.0, lattice=96), 0.15, 1.4)


def typical_network(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """Even brown honeycomb that thins out towards the border (nevus)."""
    pitch = scene.unit * rng.uniform(0.34, 0.55)
    mesh = _mesh(rng, scene, pitch, 0.22, rng.uniform(0.26, 0.42))
    low = rng.uniform(-0.1, 0.35)
    where = scene.lesion.body * scene.zone(low, 0.85, 0.3)
    scene.maps.melanin += np.float32(strength * rng.uniform(0.5, 0.95)) * where * (mesh - 0.35)
    return mesh * where


def atypical_network(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """Thick, uneven, interrupted network with holes of many sizes (melanoma)."""
    pitch = scene.unit * rng.uniform(0.38, 0.62)
    mesh = _mesh(rng, scene, pitch, 0.8, rng.uniform(0.36, 0.55))
    where = scene.lesion.body * scene.patches(rng, rng.uniform(0.35, 0.6)) * scene.zone(0.0, 1.05)
    scene.maps.melanin += np.float32(strength * rng.uniform(0.65, 1.2)) * where * (mesh - 0.25)
    scene.maps.deep_melanin += np.float32(strength * 0.12) * where * mesh
    return mesh * where


def delicate_network(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """Fine pale brown network around a spared centre (dermatofibroma)."""
    pitch = scene.unit * rng.uniform(0.28, 0.40)
    mesh = _mesh(rng, scene, pitch, 0.2, 0.2)
    where = scene.lesion.body * scene.zone(0.5, 0.95, 0.25)
    scene.maps.melanin += np.float32(strength * rng.uniform(0.35, 0.6)) * where * (mesh - 0.15)
    return mesh * where


def pseudo_network(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """Brown sheet with round holes at the follicles: pigmented actinic keratosis, facial skin."""
    near, _ = cells(rng, scene.x, scene.y, scene.unit * rng.uniform(0.5, 0.75), 0.8)
    holes = 1.0 - smoothstep(near, 0.22, 0.42)
    where = scene.lesion.body * scene.patches(rng, 0.55)
    scene.maps.melanin += np.float32(strength * 0.35) * where * (0.8 - 1.3 * holes)
    scene.maps.keratin += np.float32(strength * 0.10) * where * holes
    return where * (0.45 + 0.55 * holes)


def _globule_field(
    rng: np.random.Generator,
    scene: Scene,
    *,
    count: int,
    size_mm: tuple[float, float],
    where: tuple[float, float],
    levels: tuple[float, float],
    wobble: float,
) -> Field:
    shapes = []
    for _ in range(count):
        reach = scene.unit * float(np.exp(rng.uniform(*np.log(size_mm)))) / 2
        centre = scene.lesion.somewhere(rng, *where)
        shapes.append(blob(rng, centre, reach, level=rng.uniform(*levels), wobble=wobble))
    return raster(scene.size, shapes, 0.0022)


def regular_globules(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """Evenly spread brown globules of one size, the cobblestone pattern (nevus)."""
    pitch = scene.unit * rng.uniform(0.36, 0.58)
    push = np.float32(0.3 * pitch)
    x = scene.x + push * noise(rng, scene.size, 2.9)
    y = scene.y + push * noise(rng, scene.size, 2.9)
    near, _ = cells(rng, x, y, pitch, 0.85)
    dots = 1.0 - smoothstep(near, 0.15, 0.55)
    dots *= limit(0.75 + 0.4 * noise(rng, scene.size, 2.0, lattice=96), 0.0, 1.4)
    where = scene.lesion.body * scene.zone(rng.choice([0.0, 0.0, 0.55]), 0.95)
    scene.maps.melanin += np.float32(strength * rng.uniform(0.5, 0.95)) * where * (dots - 0.2)
    return dots * where


def irregular_globules(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """Dots and globules of many sizes and colours, off centre (melanoma)."""
    dots = _globule_field(
        rng,
        scene,
        count=int(rng.integers(14, 45)),
        size_mm=(0.10, 0.42),
        where=(0.2, 1.02),
        levels=(0.4, 1.0),
        wobble=0.25,
    )
    where = dots * scene.sector(rng, rng.uniform(0.9, 2.2))
    scene.maps.melanin += np.float32(strength * 0.85) * where
    scene.maps.deep_melanin += np.float32(strength * 0.25) * where
    return where


def ring_globules(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """Small ring-shaped brown globules round the centre (dermatofibroma)."""
    near, _ = cells(rng, scene.x, scene.y, scene.unit * rng.uniform(0.3, 0.42), 0.7)
    ring = np.exp(-(((near - 0.33) / 0.1) ** 2))
    where = scene.lesion.body * scene.zone(0.35, 0.85, 0.25)
    scene.maps.melanin += np.float32(strength * 0.3) * where * (ring - 0.15)
    return np.asarray(ring * where, dtype=np.float32)


def streaks(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """Pseudopods: knobbed radial projections on one part of the border (melanoma)."""
    return _radial(rng, scene, strength, rng.uniform(0.8, 2.2))


def starburst(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """Regular radial streaks along the whole border (Reed nevus)."""
    return _radial(rng, scene, strength, np.pi)


def _radial(rng: np.random.Generator, scene: Scene, strength: float, half: float) -> Field:
    lesion = scene.lesion
    middle, even = rng.uniform(0, 2 * np.pi), half > 3.0
    count = int(np.clip(2 * half * lesion.radius / (scene.unit * rng.uniform(0.22, 0.4)), 7, 70))
    shapes = []
    for angle in np.linspace(middle - half, middle + half, count):
        theta = float(angle + 0.07 * rng.standard_normal())
        length = min(scene.unit * rng.uniform(0.4, 0.8), 0.4 * lesion.radius)
        width = scene.unit * rng.uniform(0.08, 0.16)
        start = lesion.place(1.0 - 0.75 * length / lesion.radius, theta)
        path = wander(rng, start, lesion.outward(theta), length, wobble=0.07)
        level = rng.uniform(0.6, 0.8) if even else rng.uniform(0.3, 1.0)
        shapes.append(Shape(path[:9], level, 1.3 * width))
        shapes.append(Shape(path[8:], 0.85 * level, 0.8 * width))
        if rng.random() < 0.5:
            shapes.append(blob(rng, (path[-1, 0], path[-1, 1]), 0.7 * width, level=level))
    cover = raster(scene.size, shapes, 0.0035)
    scene.maps.melanin += np.float32(strength * 0.75) * cover
    return cover


def colour_patches(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """Sharply set islands of tan, dark brown and black, the colour asymmetry of melanoma."""
    body, maps = scene.lesion.body, scene.maps
    dark = body * scene.patches(rng, rng.uniform(0.25, 0.5))
    black = body * scene.patches(rng, rng.uniform(0.06, 0.28), 2.7)
    pale = body * scene.patches(rng, rng.uniform(0.08, 0.28)) * (1.0 - black)
    maps.melanin += np.float32(strength) * (
        np.float32(rng.uniform(0.35, 0.8)) * dark + np.float32(rng.uniform(0.5, 1.5)) * black
    )
    maps.melanin *= 1.0 - np.float32(min(0.75, 0.6 * strength)) * pale
    return limit(np.maximum(black, 1.2 * dark * (1.0 - soften(dark, 0.02))))


def eccentric_blotch(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """One dark structureless area away from the centre (melanoma)."""
    lesion = scene.lesion
    centre = lesion.somewhere(rng, 0.3, 0.75)
    spot = blob(
        rng,
        centre,
        lesion.radius * rng.uniform(0.22, 0.42),
        wobble=0.35,
        aspect=rng.uniform(1, 1.7),
    )
    cover = warp(rng, raster(scene.size, [spot], 0.012), 0.3 * scene.unit) * lesion.body
    cover *= limit(1.0 + 0.25 * noise(rng, scene.size, 2.0, lattice=96), 0.3, 1.5)
    scene.maps.melanin += np.float32(strength * rng.uniform(0.6, 1.3)) * cover
    return limit(cover, 0.0, 1.0)


def blue_white_veil(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """Blotch of confluent blue pigment under a whitish ground-glass film (melanoma)."""
    veil = scene.lesion.body * scene.patches(rng, rng.uniform(0.18, 0.42), 2.9, 1.8)
    veil = veil * scene.zone(0.0, 0.75, 0.3)
    film = limit(0.45 + 0.35 * noise(rng, scene.size, 2.0, lattice=96), 0.0, 1.3)
    scene.maps.deep_melanin += np.float32(strength * rng.uniform(0.6, 1.4)) * veil
    scene.maps.melanin *= 1.0 - np.float32(min(0.6, 0.5 * strength)) * veil
    scene.maps.blue += np.float32(min(0.8, strength * rng.uniform(0.5, 0.9))) * veil * film
    scene.maps.white += np.float32(strength * rng.uniform(0.04, 0.22)) * veil * film
    return veil


def regression(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """White scar-like area with blue-grey peppering (melanoma, lichenoid keratosis)."""
    scar = scene.lesion.body * scene.patches(rng, rng.uniform(0.2, 0.4))
    pepper = smoothstep(noise(rng, scene.size, pitch=scene.unit * 0.17, lattice=192), 0.7, 1.6)
    scene.maps.melanin *= 1.0 - np.float32(min(0.85, 0.7 * strength)) * scar
    scene.maps.white += np.float32(strength * 0.16) * scar
    scene.maps.deep_melanin += np.float32(strength) * scar * (0.08 + 0.5 * pepper)
    return scar * (0.5 + 0.5 * pepper)


def grey_granules(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """Coarse grey-brown granules (lichenoid keratosis, pigmented actinic keratosis)."""
    grain = smoothstep(noise(rng, scene.size, pitch=scene.unit * 0.28, lattice=160), 0.5, 1.5)
    where = scene.lesion.body * scene.patches(rng, rng.uniform(0.35, 0.6)) * grain
    scene.maps.deep_melanin += np.float32(strength * 0.4) * where
    scene.maps.melanin += np.float32(strength * 0.18) * where
    return where


def ovoid_nests(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """Well set off blue-grey ovoid nests and smaller globules (basal cell carcinoma)."""
    lesion, shapes = scene.lesion, []
    for _ in range(int(rng.integers(2, 8))):
        reach = scene.unit * rng.uniform(0.25, 0.75)
        shapes.append(
            blob(
                rng,
                lesion.somewhere(rng, 0.1, 0.95),
                min(reach, 0.35 * lesion.radius),
                level=rng.uniform(0.55, 1.0),
                wobble=0.18,
                aspect=rng.uniform(1.0, 1.9),
                heading=rng.uniform(0, np.pi),
            )
        )
    nests = warp(rng, raster(scene.size, shapes, rng.uniform(0.006, 0.014)), 0.3 * scene.unit)
    dots = _globule_field(
        rng,
        scene,
        count=int(rng.integers(4, 22)),
        size_mm=(0.08, 0.25),
        where=(0.1, 1.0),
        levels=(0.4, 0.9),
        wobble=0.15,
    )
    cover = np.maximum(nests, dots) * limit(
        0.9 + 0.4 * noise(rng, scene.size, 2.6, lattice=96), 0.3, 1.6
    )
    scene.maps.deep_melanin += np.float32(strength * rng.uniform(0.45, 1.2)) * cover
    scene.maps.melanin += np.float32(strength * rng.uniform(0.1, 0.9)) * cover
    scene.maps.deep_blood += np.float32(strength * rng.uniform(0.0, 0.3)) * cover
    return limit(cover, 0.0, 1.0)


def leaf_like_areas(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """Brown to grey bulbous fingers that join at a base near the border (basal cell carcinoma)."""
    lesion, shapes = scene.lesion, []
    for _ in range(int(rng.integers(1, 4))):
        theta = float(rng.uniform(0, 2 * np.pi))
        base, out = lesion.place(rng.uniform(0.55, 0.8), theta), lesion.outward(theta)
        for finger in np.linspace(-0.9, 0.9, int(rng.integers(3, 7))):
            length = scene.unit * rng.uniform(0.3, 0.75)
            heading = out + finger + 0.15 * rng.standard_normal()
            tip = (base[0] + length * np.cos(heading), base[1] + length * np.sin(heading))
            level = rng.uniform(0.6, 1.0)
            shapes.append(Shape(np.array([base, tip]), level, scene.unit * rng.uniform(0.08, 0.16)))
            shapes.append(
                blob(
                    rng,
                    tip,
                    scene.unit * rng.uniform(0.1, 0.19),
                    level=level,
                    aspect=1.5,
                    heading=heading,
                )
            )
    cover = warp(rng, raster(scene.size, shapes, 0.005), 0.2 * scene.unit)
    scene.maps.melanin += np.float32(strength * rng.uniform(0.4, 1.0)) * cover
    scene.maps.deep_melanin += np.float32(strength * rng.uniform(0.2, 0.5)) * cover
    return cover


def structureless_brown(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """Even brown without structure, darkest in the middle (homogeneous nevus)."""
    where = scene.lesion.body * scene.zone(0.0, 0.6, 0.5)
    scene.maps.melanin += np.float32(strength * rng.uniform(0.4, 1.1)) * where
    return where
