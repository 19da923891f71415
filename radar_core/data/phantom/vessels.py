"""Blood: vessels, lacunae, red pseudo-network and ulcers. Painters as in `pigment`.

Patterns after G. Argenziano et al., "Vascular structures in skin tumors", Arch. Dermatol. 140
(2004) 1485, and I. Zalaudek et al., J. Am. Acad. Dermatol. 63 (2010) 361 and 377.
"""

from __future__ import annotations

import numpy as np

from radar_core.data.phantom.lesion import Scene
from radar_core.data.phantom.optics import Field
from radar_core.data.phantom.texture import (
    Points,
    Shape,
    blob,
    cells,
    limit,
    noise,
    raster,
    smoothstep,
    wander,
    warp,
)


def arborising_vessels(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """Bright, sharply focused stems that branch into ever finer twigs (basal cell carcinoma)."""
    lesion, shapes = scene.lesion, []

    def branch(start: tuple[float, float], heading: float, length: float, width: float) -> None:
        path = wander(rng, start, heading, length, bend=rng.normal(0, 0.7), wobble=0.2)
        half = len(path) // 2
        shapes.append(Shape(path[: half + 1], 1.0, width))
        shapes.append(Shape(path[half:], 0.95, 0.8 * width))
        if width < scene.unit * 0.025:
            return
        for at in rng.choice(np.arange(3, len(path)), int(rng.integers(2, 5)), replace=False):
            turn = rng.choice([-1.0, 1.0]) * rng.uniform(0.4, 1.1)
            twig = (float(path[at, 0]), float(path[at, 1]))
            branch(
                twig,
                heading + turn,
                length * rng.uniform(0.35, 0.7),
                width * rng.uniform(0.5, 0.72),
            )

    for _ in range(int(rng.integers(1, 5))):
        theta = float(rng.uniform(0, 2 * np.pi))
        heading = lesion.outward(theta) + np.pi + rng.normal(0, 0.5)
        length = min(lesion.radius * rng.uniform(0.6, 1.3), scene.unit * 4.5)
        width = scene.unit * rng.uniform(0.055, 0.12)
        branch(lesion.place(rng.uniform(0.7, 1.05), theta), heading, length, width)
    cover = warp(rng, raster(scene.size, shapes, rng.uniform(0.0014, 0.0028)), 0.12 * scene.unit)
    cover *= scene.zone(0.0, 1.1)
    scene.maps.blood += np.float32(strength * rng.uniform(0.75, 1.35)) * cover
    return cover


def dotted_vessels(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """Scattered red dots (melanoma, dermatofibroma, Spitz nevus)."""
    count = int(rng.integers(25, 90))
    shapes = [
        blob(
            rng,
            scene.lesion.somewhere(rng, 0.0, 0.95),
            scene.unit * rng.uniform(0.03, 0.06),
            level=rng.uniform(0.5, 1.0),
        )
        for _ in range(count)
    ]
    cover = raster(scene.size, shapes, 0.002)
    scene.maps.blood += np.float32(strength * 1.1) * cover
    return limit(1.6 * cover, 0.0, 1.0)


def _coils(rng: np.random.Generator, centre: tuple[float, float], reach: float) -> Points:
    """Points of a small tangled loop."""
    turn = np.linspace(0, 4 * np.pi, 16)
    radius = reach * (0.35 + 0.65 * np.abs(np.sin(0.75 * turn + rng.uniform(0, np.pi))))
    return np.stack([centre[0] + radius * np.cos(turn), centre[1] + radius * np.sin(turn)], 1)


def glomerular_vessels(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """Clusters of coiled vessels (Bowen's disease)."""
    shapes = []
    for _ in range(int(rng.integers(2, 5))):
        middle = scene.lesion.somewhere(rng, 0.0, 0.7)
        for _ in range(int(rng.integers(9, 22))):
            offset = scene.unit * 0.75 * rng.standard_normal(2)
            centre = (middle[0] + float(offset[0]), middle[1] + float(offset[1]))
            path = _coils(rng, centre, scene.unit * rng.uniform(0.06, 0.11))
            shapes.append(Shape(path, rng.uniform(0.6, 1.0), scene.unit * 0.035))
    cover = raster(scene.size, shapes, 0.0018) * scene.zone(0.0, 1.0)
    scene.maps.blood += np.float32(strength * 1.2) * cover
    return limit(1.5 * cover, 0.0, 1.0)


def hairpin_vessels(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """Looped vessels, each in a whitish halo, in the outer part (seborrhoeic keratosis)."""
    loops, halos = [], []
    for _ in range(int(rng.integers(10, 30))):
        theta = float(rng.uniform(0, 2 * np.pi))
        centre = scene.lesion.place(rng.uniform(0.35, 0.95), theta)
        long, short = scene.unit * rng.uniform(0.12, 0.22), scene.unit * 0.05
        heading = scene.lesion.outward(theta) + rng.normal(0, 0.4)
        t = np.linspace(-0.5 * np.pi, 1.5 * np.pi, 12)[1:-1]
        u, v = long * np.sin(t), short * np.cos(t)
        c, s = np.cos(heading), np.sin(heading)
        path = np.stack([centre[0] + c * u - s * v, centre[1] + s * u + c * v], 1)
        loops.append(Shape(path, rng.uniform(0.6, 1.0), scene.unit * 0.045))
        halos.append(blob(rng, centre, 1.25 * long, aspect=1.6, heading=heading))
    red = raster(scene.size, loops, 0.0016)
    halo = raster(scene.size, halos, 0.005)
    scene.maps.white += np.float32(strength * 0.16) * halo
    scene.maps.blood += np.float32(strength * 0.9) * red
    return limit(red + 0.35 * halo, 0.0, 1.0)


def comma_vessels(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """Short, thick, curved vessels (dermal nevus)."""
    shapes = []
    for _ in range(int(rng.integers(6, 18))):
        start = scene.lesion.somewhere(rng, 0.0, 0.8)
        path = wander(rng, start, rng.uniform(0, 6.3), scene.unit * rng.uniform(0.3, 0.6), bend=1.6)
        shapes.append(Shape(path, rng.uniform(0.5, 1.0), scene.unit * 0.07))
    cover = raster(scene.size, shapes, 0.003)
    scene.maps.blood += np.float32(strength * 0.55) * cover
    return cover


def linear_irregular_vessels(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """Short red lines of varying bend, with pink milky areas between (melanoma)."""
    shapes = []
    for _ in range(int(rng.integers(10, 28))):
        start = scene.lesion.somewhere(rng, 0.0, 0.85)
        length = scene.unit * rng.uniform(0.3, 0.9)
        path = wander(rng, start, rng.uniform(0, 6.3), length, wobble=0.35)
        shapes.append(Shape(path, rng.uniform(0.4, 1.0), scene.unit * rng.uniform(0.03, 0.06)))
    cover = raster(scene.size, shapes, 0.002)
    milky = scene.lesion.body * scene.patches(rng, 0.4)
    scene.maps.blood += np.float32(strength) * (0.8 * cover + 0.3 * milky)
    scene.maps.white += np.float32(strength * 0.08) * milky
    return limit(cover + 0.4 * milky, 0.0, 1.0)


def lacunae(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """Round to oval red, purple or black-red lagoons set apart by pale septa (angioma)."""
    lesion, size = scene.lesion, scene.size
    reach = min(scene.unit * rng.uniform(0.22, 0.6), 0.4 * lesion.radius)
    count = int(np.clip(rng.uniform(0.8, 1.6) * (lesion.radius / reach) ** 2, 4, 110))
    clods = [
        blob(
            rng,
            lesion.somewhere(rng, 0.0, 0.92),
            reach * rng.uniform(0.5, 1.15),
            level=rng.uniform(0.45, 1.0),
            aspect=rng.uniform(1.0, 1.6),
            heading=rng.uniform(0, np.pi),
        )
        for _ in range(count)
    ]
    lagoon = warp(rng, raster(size, clods, rng.uniform(0.004, 0.012)), 0.35 * reach)
    lagoon *= 1.0 - smoothstep(lesion.rho, 0.92, 1.05)
    depth = limit(0.5 + 0.6 * noise(rng, size, 3.0), 0.0, 1.2) * np.float32(rng.uniform(0.2, 1.2))
    clot = lagoon * scene.patches(rng, rng.uniform(0.03, 0.25))
    scene.maps.blood += np.float32(strength * rng.uniform(0.5, 1.6)) * lagoon
    scene.maps.deep_blood += np.float32(strength * rng.uniform(0.2, 1.6)) * lagoon * depth
    # Old clots are near black: a brown-black pigment as strong as dense melanin.
    dark = strength * rng.choice([0.0, 0.6, 1.4, 2.4])
    scene.maps.melanin += np.float32(0.7 * dark) * clot
    scene.maps.deep_blood += np.float32(0.6 * dark) * clot
    septa = lesion.body * (1.0 - lagoon) * scene.zone(0.0, 0.95)
    scene.maps.white += np.float32(strength * max(0.0, rng.uniform(-0.15, 0.2))) * septa
    return lagoon


def homogeneous_red(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """Structureless red to purple area (angioma, pyogenic granuloma, haemorrhage)."""
    body = scene.lesion.body
    tone = limit(1.0 + 0.2 * noise(rng, scene.size, 2.6), 0.4, 1.6)
    scene.maps.blood += np.float32(strength * rng.uniform(0.5, 1.2)) * body * tone
    scene.maps.deep_blood += np.float32(strength * rng.uniform(0.0, 1.3)) * body * tone
    return body * limit(tone, 0.0, 1.0)


def strawberry_pattern(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """Red pseudo-network round pale follicles with yellowish plugs (actinic keratosis).

    I. Zalaudek et al., "Dermoscopy of facial nonpigmented actinic keratosis", Br. J. Dermatol.
    155 (2006) 951.
    """
    pitch = scene.unit * rng.uniform(0.42, 0.7)
    warp = np.float32(0.2 * pitch)
    x = scene.x + warp * noise(rng, scene.size, 2.6)
    y = scene.y + warp * noise(rng, scene.size, 2.6)
    near, far = cells(rng, x, y, pitch, 1.0)
    follicle = 1.0 - smoothstep(near, 0.16, 0.42)
    plug = 1.0 - smoothstep(near, 0.05, 0.2)
    web = 1.0 - smoothstep(far - near, 0.05, 0.5)
    where = scene.lesion.body * scene.patches(rng, rng.uniform(0.35, 0.65), 2.8, 1.4)
    where *= limit(0.75 + 0.4 * noise(rng, scene.size, 2.2, lattice=96), 0.0, 1.3)
    scene.maps.blood += (
        np.float32(strength * rng.uniform(0.25, 0.5)) * where * (0.3 + web - follicle)
    )
    scene.maps.white += np.float32(strength * 0.20) * where * follicle
    scene.maps.keratin += np.float32(strength * 0.3) * where * plug
    return limit(where * np.maximum(follicle, 0.7 * web))


def ulceration(rng: np.random.Generator, scene: Scene, strength: float) -> Field:
    """Eroded patches with raw red ground and orange-brown to black crust (basal cell carcinoma)."""
    lesion = scene.lesion
    shapes = [
        blob(
            rng,
            lesion.somewhere(rng, 0.0, 0.65),
            min(scene.unit * rng.uniform(0.2, 0.8), 0.4 * lesion.radius),
            level=rng.uniform(0.6, 1.0),
            wobble=0.4,
            aspect=rng.uniform(1.0, 2.0),
            heading=rng.uniform(0, np.pi),
        )
        for _ in range(int(rng.integers(1, 5)))
    ]
    sore = warp(rng, raster(scene.size, shapes, 0.004), 0.25 * scene.unit)
    rough = 1.0 + 0.45 * noise(rng, scene.size, 1.9, lattice=128)
    ragged = smoothstep(sore * rough, 0.25, 0.8)
    crust = ragged * scene.patches(rng, 0.5, 2.2)
    scene.maps.blood += np.float32(strength * rng.uniform(0.6, 1.1)) * ragged
    scene.maps.keratin += np.float32(strength * rng.uniform(0.2, 0.6)) * crust
    scene.maps.melanin += np.float32(strength * rng.uniform(0.1, 0.8)) * crust
    return ragged
