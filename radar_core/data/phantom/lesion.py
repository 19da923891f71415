"""The lesion's outline and body, and the scene that the structure painters work on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from radar_core.data.phantom.optics import Chromophores, Field
from radar_core.data.phantom.texture import noise, pixel_grid, smoothstep


@dataclass(frozen=True)
class Habit:
    """How a lesion looks apart from its structures; the values are medians of a variant.

    Optical densities are at the green band. `Habit.drawn` gives one lesion's own values.
    """

    area: float = 0.3  # share of the frame
    aspect: float = 1.25  # long axis over short axis
    lobes: float = 0.07  # amplitude of the outline's waves, in radii
    jagged: float = 0.05  # roughness of the outline, in radii
    soft: float = 0.15  # half width of the border's fade, in radii
    fade: float = 0.4  # 0 to 1: how much softer one side is than the other
    melanin: float = 0.3
    deep_melanin: float = 0.02
    blood: float = 0.15
    deep_blood: float = 0.01
    keratin: float = 0.03
    variegation: float = 0.25  # relative spread of the pigment over the body
    centre: float = 0.0  # above 0 darker towards the centre, below 0 paler
    patchy: float = 0.15  # 0 one sheet, 1 islands

    def drawn(self, rng: np.random.Generator) -> Habit:
        """One lesion's values: each median times a log-normal factor, `centre` plus a normal."""
        values = {}
        for field in fields(self):
            step = float(np.clip(rng.standard_normal(), -2.2, 2.2)) * SPREAD[field.name]
            median = float(getattr(self, field.name))
            values[field.name] = median + step if field.name == "centre" else median * np.exp(step)
        return Habit(**values)

    def blended(self, other: Habit, share: float) -> Habit:
        """This habit with ``share`` (0 to 1) of the way gone towards ``other``."""
        return Habit(
            **{
                f.name: (1 - share) * getattr(self, f.name) + share * getattr(other, f.name)
                for f in fields(self)
            }
        )


# Spread of each value between lesions of one variant (log scale; `centre` on a plain scale).
# Wide, because the size and colour of real lesions hardly tell the class.
SPREAD: Mapping[str, float] = {
    "area": 0.70,
    "aspect": 0.12,
    "lobes": 0.45,
    "jagged": 0.45,
    "soft": 0.45,
    "fade": 0.5,
    "melanin": 0.48,
    "deep_melanin": 0.6,
    "blood": 0.40,
    "deep_blood": 0.6,
    "keratin": 0.5,
    "variegation": 0.35,
    "centre": 0.25,
    "patchy": 0.5,
}


@dataclass(frozen=True)
class Lesion:
    """Outline of a lesion: an ellipse whose radius waves with the angle, roughened by noise."""

    habit: Habit
    at: tuple[float, float]
    radius: float
    heading: float
    wave_size: tuple[float, ...]
    wave_phase: tuple[float, ...]
    rho: Field  # distance from the centre; 1 on the border
    theta: Field  # angle about the centre, rad
    body: Field  # 0 to 1: how much of the lesion there is at a pixel

    def place(self, rho: float, theta: float) -> tuple[float, float]:
        """Unit coordinates of the point at ``rho`` and ``theta``, the border's roughness aside."""
        reach = rho * self.radius * outline(theta, self.wave_size, self.wave_phase)
        root = float(np.sqrt(self.habit.aspect))
        u, v = reach * np.cos(theta) * root, reach * np.sin(theta) / root
        c, s = np.cos(self.heading), np.sin(self.heading)
        return float(self.at[0] + c * u - s * v), float(self.at[1] + s * u + c * v)

    def outward(self, theta: float) -> float:
        """Direction in the frame, rad, that leads out of the lesion at ``theta``."""
        x0, y0 = self.place(0.9, theta)
        x1, y1 = self.place(1.0, theta)
        return float(np.arctan2(y1 - y0, x1 - x0))

    def somewhere(
        self, rng: np.random.Generator, low: float = 0.0, high: float = 0.9
    ) -> tuple[float, float]:
        """A random place, uniform in area between two values of rho."""
        rho = float(np.sqrt(rng.uniform(low**2, high**2)))
        return self.place(rho, float(rng.uniform(0.0, 2.0 * np.pi)))


def outline(theta: Any, size: tuple[float, ...], phase: tuple[float, ...]) -> Any:
    """Factor on the radius at an angle; waves of 2, 3, ... periods."""
    total = 1.0 + 0.0 * theta
    for k, (amplitude, shift) in enumerate(zip(size, phase, strict=True)):
        total = total + amplitude * np.cos((k + 2) * theta + shift)
    return total


def grow(rng: np.random.Generator, habit: Habit, size: int) -> Lesion:
    """Draw the outline and body of a lesion of this habit."""
    area = float(np.clip(habit.area, 0.035, 0.95))
    aspect = float(np.clip(habit.aspect, 1.0, 1.9))
    habit = Habit(**{**vars(habit), "area": area, "aspect": aspect})
    radius = float(np.sqrt(area / np.pi))
    shift = np.clip(rng.standard_normal(2), -2, 2) * (0.045 + 0.05 * radius)
    at = (0.5 + float(shift[0]), 0.5 + float(shift[1]))
    heading = float(rng.uniform(0.0, np.pi))
    lobes = min(habit.lobes, 0.22)
    wave_size = tuple(float(lobes * rng.uniform(0.4, 1.0) / (1 + 0.45 * k)) for k in range(4))
    wave_phase = tuple(float(p) for p in rng.uniform(0.0, 2.0 * np.pi, 4))

    x, y = pixel_grid(size)
    c, s = np.float32(np.cos(heading)), np.float32(np.sin(heading))
    root = np.float32(np.sqrt(aspect))
    u = (c * (x - at[0]) + s * (y - at[1])) / (radius * root)
    v = (c * (y - at[1]) - s * (x - at[0])) * root / radius
    theta = np.arctan2(v, u)
    rho = np.hypot(u, v) / outline(theta, wave_size, wave_phase)
    # Two scales of roughness: bays and peninsulas, and the ragged edge proper.
    rho += np.float32(min(habit.jagged, 0.3)) * (
        noise(rng, size, 3.4) + 0.2 * noise(rng, size, 1.8, lattice=96)
    )

    side = np.cos(theta - np.float32(rng.uniform(0.0, 2.0 * np.pi)))
    soft = np.float32(habit.soft) * (1.0 + np.float32(min(habit.fade, 0.95)) * 1.6 * side)
    soft = np.clip(soft, 0.06, 0.7)
    body = 1.0 - smoothstep(rho, 1.0 - soft, 1.0 + soft)
    patchy = np.float32(min(habit.patchy, 0.9))
    islands = smoothstep(noise(rng, size, 2.6), -0.9, 0.7)
    body = body * (1.0 - patchy + patchy * islands)
    return Lesion(habit, at, radius, heading, wave_size, wave_phase, rho, theta, body)


@dataclass
class Scene:
    """What the painters share: the maps, the lesion, and the length scale of the structures."""

    size: int
    x: Field
    y: Field
    maps: Chromophores
    lesion: Lesion
    unit: float  # frame widths per mm of skin

    def zone(self, low: float, high: float, fade: float = 0.12) -> Field:
        """1 between two values of rho, falling to 0 over ``fade`` beyond them."""
        rho = self.lesion.rho
        inner = smoothstep(rho, low - fade, low) if low > 0.0 else np.ones_like(rho)
        return inner * (1.0 - smoothstep(rho, high, high + fade))

    def sector(self, rng: np.random.Generator, half_width: float) -> Field:
        """1 in a random sector of ``half_width`` rad about the centre, fading at its sides."""
        off = np.cos(self.lesion.theta - np.float32(rng.uniform(0.0, 2.0 * np.pi)))
        edge = float(np.cos(half_width))
        return smoothstep(off, edge - 0.25, edge + 0.1)

    def patches(
        self, rng: np.random.Generator, share: float, slope: float = 3.2, edge: float = 0.8
    ) -> Field:
        """Random islands, 0 to 1, over about ``share`` of the frame; ``edge`` softens them."""
        # The normal quantile by a logistic approximation, good to 2 % here.
        level = -np.log(share / (1.0 - share)) / 1.702
        return smoothstep(noise(rng, self.size, slope), level - 0.4 * edge, level + 0.6 * edge)


def paint_body(rng: np.random.Generator, scene: Scene) -> None:
    """Lay the lesion's ground colour into the maps."""
    lesion, maps, size = scene.lesion, scene.maps, scene.size
    habit = lesion.habit
    coarse = noise(rng, size, 3.0)
    fine = noise(rng, size, 1.6, lattice=128)
    loose = min(habit.variegation, 0.8)
    spread = 1.0 + np.float32(loose) * (1.05 * coarse + 0.27 * fine)
    profile = 1.0 + np.float32(habit.centre) * (0.6 - np.clip(lesion.rho, 0.0, 1.2))
    pigment = lesion.body * np.maximum(spread * profile, 0.05)
    red = lesion.body * np.maximum(
        1.0 + np.float32(0.8 * loose) * noise(rng, size, 2.9) + 0.15 * fine, 0.1
    )
    maps.melanin += np.float32(habit.melanin) * pigment
    maps.keratin += np.float32(habit.keratin) * pigment
    maps.deep_melanin += (
        np.float32(habit.deep_melanin) * lesion.body * smoothstep(coarse, -1.2, 1.2)
    )
    maps.blood += np.float32(habit.blood) * red
    maps.deep_blood += np.float32(habit.deep_blood) * red
