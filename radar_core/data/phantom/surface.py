"""Horny layer and scar: cysts, openings, ridges, scale, white patches. Painters as in `pigment`."""

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
)


def milia_like_cysts(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """Small round white or yellowish bodies, some glowing ("starry"), in seborrhoeic keratosis."""
    shapes = [
        blob(
            rng,
            scene.lesion.somewhere(rng, 0.0, 0.92),
            scene.unit * float(np.exp(rng.uniform(np.log(0.045), np.log(0.20)))),
            level=rng.uniform(0.45, 1.0),
            wobble=0.1,
        )
        for _ in range(int(rng.integers(10, 55)))
    ]
    cysts = raster(scene.size, shapes, rng.uniform(0.0018, 0.004))
    scene.maps.white += np.float32(min(0.8, strength * rng.uniform(0.3, 0.6))) * cysts
    scene.maps.keratin += np.float32(strength * rng.uniform(0.0, 0.25)) * cysts
    scene.maps.melanin *= 1.0 - np.float32(min(0.8, 0.6 * strength)) * cysts
    return cysts


def comedo_like_openings(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """Brown-black, irregular keratin plugs (seborrhoeic keratosis)."""
    shapes = [
        blob(
            rng,
            scene.lesion.somewhere(rng, 0.0, 0.9),
            scene.unit * float(np.exp(rng.uniform(np.log(0.06), np.log(0.26)))),
            level=rng.uniform(0.45, 1.0),
            wobble=0.3,
            aspect=rng.uniform(1.0, 1.8),
            heading=rng.uniform(0, np.pi),
        )
        for _ in range(int(rng.integers(8, 38)))
    ]
    plugs = raster(scene.size, shapes, 0.0028)
    scene.maps.keratin += np.float32(strength * 0.5) * plugs
    scene.maps.melanin += np.float32(strength * rng.uniform(0.6, 1.5)) * plugs
    return plugs


def fissures_and_ridges(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """Brain-like surface: dark clefts between pale thick ridges (seborrhoeic keratosis)."""
    size = scene.size
    fold = noise(rng, size, pitch=scene.unit * rng.uniform(0.55, 0.9), lattice=128)
    cleft = 1.0 - smoothstep(np.abs(fold), 0.05, 0.95)
    where = scene.lesion.body * scene.patches(rng, rng.uniform(0.55, 0.85)) * scene.zone(0.0, 0.95)
    scene.maps.melanin += np.float32(strength * rng.uniform(0.4, 0.9)) * where * (cleft - 0.3)
    scene.maps.keratin += np.float32(strength * 0.2) * where * cleft
    scene.maps.white += np.float32(strength * 0.08) * where * (1.0 - cleft)
    return cleft * where


def fingerprint_lines(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """Fine parallel light brown lines (flat seborrhoeic keratosis, solar lentigo)."""
    size = scene.size
    bend = scene.unit * 1.6 * noise(rng, size, 3.6)
    turn = rng.uniform(0, np.pi)
    along = np.float32(np.cos(turn)) * scene.x + np.float32(np.sin(turn)) * scene.y + bend
    pitch = scene.unit * rng.uniform(0.24, 0.34)
    line = smoothstep(np.cos(along * np.float32(2 * np.pi / pitch)), 0.1, 0.9)
    where = scene.lesion.body * scene.patches(rng, rng.uniform(0.5, 0.8))
    scene.maps.melanin += np.float32(strength * rng.uniform(0.18, 0.32)) * where * (line - 0.4)
    return line * where


def moth_eaten_border(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """Sharp concave bites out of a flat brown sheet (solar lentigo, flat keratosis)."""
    lesion, shapes = scene.lesion, []
    for _ in range(int(rng.integers(5, 12))):
        theta = float(rng.uniform(0, 2 * np.pi))
        centre = lesion.place(rng.uniform(0.95, 1.1), theta)
        shapes.append(blob(rng, centre, lesion.radius * rng.uniform(0.12, 0.24), wobble=0.1))
    bites = raster(scene.size, shapes, 0.004)
    rim = soften(bites, 0.012) * (1.0 - bites) * lesion.body
    scene.maps.melanin *= 1.0 - np.float32(min(0.8, 0.75 * strength)) * bites * lesion.body
    scene.maps.melanin += np.float32(strength * 0.25) * rim
    return limit(2.5 * rim, 0.0, 1.0)


def waxy_plaque(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """Dull grey-brown "stuck on" plate with a sharp edge (seborrhoeic keratosis)."""
    where = 1.0 - smoothstep(scene.lesion.rho, 0.92, 1.04)
    grain = noise(rng, scene.size, 1.4, lattice=160)
    scene.maps.melanin += np.float32(strength * 0.22) * where * limit(1.0 + 0.35 * grain, 0, 2)
    scene.maps.keratin += np.float32(strength * rng.uniform(0.0, 0.15)) * where
    scene.maps.deep_melanin += np.float32(strength * rng.uniform(0.0, 0.35)) * where
    scene.maps.white += np.float32(strength * rng.uniform(0.02, 0.14)) * where
    return where * scene.zone(0.82, 1.0, 0.08)


def scale(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """White to yellow surface flakes (actinic keratosis, Bowen's disease)."""
    grain = noise(rng, scene.size, 1.5, lattice=160)
    drift = noise(rng, scene.size, 3.2)
    level = np.float32(rng.uniform(0.5, 1.1))
    flakes = smoothstep(grain + 0.9 * drift, level, level + 1.3) * scene.lesion.body
    scene.maps.white += np.float32(min(0.8, strength * rng.uniform(0.35, 0.7))) * flakes
    scene.maps.keratin += np.float32(strength * rng.uniform(0.0, 0.45)) * flakes
    return flakes


def scar_patch(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """White scar-like patch in the middle, its edge running out in strands (dermatofibroma)."""
    lesion = scene.lesion
    reach = np.float32(rng.uniform(0.22, 0.5))
    at = lesion.somewhere(rng, 0.0, 0.25)
    off = np.hypot(scene.x - np.float32(at[0]), scene.y - np.float32(at[1])) / lesion.radius
    rough = off + np.float32(rng.uniform(0.08, 0.2)) * noise(rng, scene.size, 2.9)
    patch = 1.0 - smoothstep(rough, 0.3 * reach, 1.5 * reach)
    strands = noise(rng, scene.size, pitch=scene.unit * 0.4, lattice=128)
    patch = patch * limit(0.9 + 0.14 * strands, 0.3, 1.2)
    scene.maps.melanin *= 1.0 - limit(np.float32(0.75 * strength) * patch, 0.0, 0.9)
    scene.maps.blood *= 1.0 - limit(np.float32(0.3 * strength) * patch, 0.0, 0.6)
    scene.maps.white += np.float32(strength * rng.uniform(0.22, 0.52)) * patch
    return limit(patch, 0.0, 1.0)


def shiny_white_lines(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """Short bright strokes in two crossing directions, seen under polarised light."""
    shapes, turn = [], rng.uniform(0, np.pi)
    for _ in range(int(rng.integers(8, 24))):
        heading = turn + rng.choice([0.0, 0.5 * np.pi]) + 0.12 * rng.standard_normal()
        start = scene.lesion.somewhere(rng, 0.0, 0.7)
        path = wander(rng, start, heading, scene.unit * rng.uniform(0.25, 0.7), wobble=0.05)
        shapes.append(Shape(path, rng.uniform(0.4, 1.0), scene.unit * 0.05))
    lines = raster(scene.size, shapes, 0.002)
    scene.maps.white += np.float32(strength * 0.45) * lines
    return lines


def white_collarette(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """Ring of pale scale at the foot of a red nodule (pyogenic granuloma)."""
    wave = limit(0.55 + 0.5 * noise(rng, scene.size, 2.2, lattice=96), 0.0, 1.2)
    ring = scene.zone(0.97, 1.0, 0.07) * wave
    scene.maps.white += np.float32(min(0.8, 0.55 * strength)) * ring
    scene.maps.blood *= 1.0 - limit(np.float32(0.5 * strength) * ring, 0.0, 0.8)
    return limit(ring, 0.0, 1.0)


def whitish_veil(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """Milky film over part of the lesion (angiokeratoma)."""
    veil = scene.lesion.body * scene.patches(rng, rng.uniform(0.2, 0.45))
    scene.maps.white += np.float32(strength * rng.uniform(0.2, 0.4)) * veil
    return veil


def pearly_ground(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """Pinkish white structureless stroma with white clods (basal cell carcinoma)."""
    pale = scene.lesion.body * scene.patches(rng, rng.uniform(0.4, 0.7))
    near, _ = cells(rng, scene.x, scene.y, scene.unit * rng.uniform(0.7, 1.2), 0.95)
    clods = pale * (1.0 - smoothstep(near, 0.2, 0.5))
    scene.maps.white += np.float32(strength) * (0.10 * pale + 0.14 * clods)
    scene.maps.blood += np.float32(strength * 0.12) * pale
    return np.asarray(0.4 * pale + 0.5 * clods, dtype=np.float32)
