"""Draw one case of the phantom: its picture, lesion mask and evidence mask."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from radar_core.data.phantom import camera
from radar_core.data.phantom.lesion import Scene, grow, paint_body
from radar_core.data.phantom.optics import Chromophores, Field, reflectance
from radar_core.data.phantom.recipes import (
    AMBIGUITY,
    ATYPICAL,
    BORROWED_AT_ZERO,
    CLASSES,
    HABIT_AT_ZERO,
    OWN_AT_ZERO,
    TYPICAL,
    Variant,
)
from radar_core.data.phantom.texture import pixel_grid, smoothstep, soften
from radar_core.data.phantom.variants import VARIANTS

Mask = npt.NDArray[np.bool_]

MIN_SIZE, MAX_SIZE = 32, 1024
# Smaller pictures are drawn at least this large and averaged down, since the finest structures
# would otherwise fall between the pixels.
MIN_DRAWN = 128
# Bounds on the evidence mask's area, as shares of the lesion's.
EVIDENCE_SHARE = (0.04, 0.55)
# Share of the strongest contribution from which a pixel counts as evidence.
EVIDENCE_LEVEL = 0.40


@dataclass(frozen=True, eq=False)
class Rendering:
    """One drawn case.

    Attributes:
        image: ``(size, size, 3)`` uint8 RGB.
        lesion: ``(size, size)`` bool, the lesion's area.
        evidence: ``(size, size)`` bool, the structures that make the case its class.
        label: one of `CLASSES`.
        typicality: 0 (passes for another class) to 1 (textbook).
    """

    image: npt.NDArray[np.uint8]
    lesion: Mask
    evidence: Mask
    label: str
    typicality: float


@lru_cache(maxsize=64)
def _order(seed: int) -> tuple[int, ...]:
    return tuple(int(k) for k in np.random.default_rng([seed, 7]).permutation(len(CLASSES)))


def label_of(seed: int, index: int) -> str:
    """Class of case ``index`` without drawing it; every seven cases in a row hold each class once.

    Raises:
        ValueError: if ``seed`` or ``index`` is negative.
    """
    if seed < 0 or index < 0:
        raise ValueError(f"seed and index must not be negative, got {seed} and {index}.")
    return CLASSES[_order(seed)[index % len(CLASSES)]]


def _pick(rng: np.random.Generator, variants: tuple[Variant, ...]) -> Variant:
    share = np.array([v.share for v in variants])
    return variants[int(rng.choice(len(variants), p=share / share.sum()))]


def _paint_features(
    rng: np.random.Generator, scene: Scene, variant: Variant, strength: float
) -> Field:
    """Paint a variant's structures; returns the distinguishing ones' footprint.

    Chance picks the structures, but at least two distinguishing ones (one where the variant has
    no more) are painted, the likeliest first, as no diagnosis rests on a single sign.
    """
    chosen = [f for f in variant.features if rng.random() < f.chance]
    missing = [f for f in variant.features if f.weight > 0.0 and f not in chosen]
    for feature in sorted(missing, key=lambda f: -f.chance):
        if sum(f.weight > 0.0 for f in chosen) < 2:
            chosen.append(feature)
    footprint = np.zeros_like(scene.lesion.rho)
    for feature in chosen:
        own = strength * float(np.clip(rng.normal(1.1, 0.18), 0.7, 1.5))
        cover = feature.paint(rng, scene, own)
        if feature.weight > 0.0:
            np.maximum(footprint, np.float32(feature.weight) * cover, out=footprint)
    return footprint


def _evidence(footprint: Field, lesion: Mask) -> Mask:
    """Threshold a footprint inside the lesion, at a level that keeps its area within bounds."""
    inside = np.where(lesion, soften(footprint, 0.008), -1.0)
    ranked = np.sort(inside[lesion])
    count = len(ranked)
    floor = ranked[int(count * (1.0 - EVIDENCE_SHARE[1]))]
    ceiling = ranked[min(count - 1, int(count * (1.0 - EVIDENCE_SHARE[0])))]
    level = np.clip(EVIDENCE_LEVEL * ranked[int(0.995 * (count - 1))], floor, ceiling)
    return np.asarray(inside >= level, dtype=np.bool_)


def render(seed: int, index: int, size: int = 256) -> Rendering:
    """Draw case ``index`` of data set ``seed``: the same bits for the same arguments, always.

    Raises:
        ValueError: if ``seed`` or ``index`` is negative or ``size`` lies outside 32 to 1024.
    """
    label = label_of(seed, index)
    if not MIN_SIZE <= size <= MAX_SIZE:
        raise ValueError(f"size must lie between {MIN_SIZE} and {MAX_SIZE} pixels, got {size}.")
    over = max(1, -(-MIN_DRAWN // size))
    drawn = size * over

    streams = np.random.SeedSequence([seed, index]).spawn(6)
    plan, shape, skin, own, borrowed, optics = (np.random.default_rng(s) for s in streams)
    grain = np.random.default_rng(np.random.SeedSequence([seed, index, size]))

    ambiguity = AMBIGUITY[label]
    typicality = float(plan.uniform(*(ATYPICAL if plan.random() < ambiguity.atypical else TYPICAL)))
    share = np.array(list(ambiguity.looks_like.values()))
    other = list(ambiguity.looks_like)[int(plan.choice(len(share), p=share / share.sum()))]
    variant, lookalike = _pick(plan, VARIANTS[label]), _pick(plan, VARIANTS[other])
    strangeness = 1.0 - typicality

    habit = variant.habit.blended(lookalike.habit, HABIT_AT_ZERO * strangeness).drawn(plan)
    unit = 0.075 * float(np.exp(plan.normal(0.0, 0.22)))
    lesion = grow(shape, habit, drawn)
    x, y = pixel_grid(drawn)
    scene = Scene(drawn, x, y, Chromophores.empty(drawn), lesion, unit)

    camera.paint_skin(skin, scene)
    paint_body(shape, scene)
    if strangeness > 0.25:
        _paint_features(borrowed, scene, lookalike, BORROWED_AT_ZERO * strangeness)
    strength = OWN_AT_ZERO + (1.0 - OWN_AT_ZERO) * typicality
    footprint = _paint_features(own, scene, variant, strength)
    # Breaks ties where the structures cover less than the least share: the middle counts first.
    footprint += np.float32(1e-3) * np.exp(-lesion.rho)

    light = reflectance(scene.maps)
    camera.lay_hairs(optics, scene, light)
    light *= camera.lamp(optics, scene)[..., None]
    camera.lay_marks(optics, scene, light)

    border = 1.0 - smoothstep(soften(lesion.rho, 0.008), 0.98, 1.02)
    if over > 1:
        light = _shrink(light, over)
        border, footprint = _shrink(border, over), _shrink(footprint, over)
    image = camera.expose(optics, grain, light)
    mask = np.asarray(border >= 0.5, dtype=np.bool_)
    return Rendering(image, mask, _evidence(footprint, mask), label, typicality)


def _shrink(field: Field, over: int) -> Field:
    """Average blocks of ``over`` x ``over`` pixels."""
    size = field.shape[0] // over
    blocks = field.reshape(size, over, size, over, *field.shape[2:])
    return np.asarray(blocks.mean(axis=(1, 3)), dtype=np.float32)
