"""The terms in which a class is described, and how often its cases are ambiguous.

`AMBIGUITY` is the one table to tune when a classifier finds the phantom too easy or too hard.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from radar_core.data.phantom.lesion import Habit, Scene
from radar_core.data.phantom.optics import Field

CLASSES: tuple[str, ...] = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")

Painter = Callable[[np.random.Generator, Scene, float], Field]


@dataclass(frozen=True)
class Ambiguity:
    """How a class blurs into others.

    ``atypical`` is the share of its cases that are atypical; ``looks_like`` gives the classes
    those cases borrow structures from, with their relative frequency.
    """

    atypical: float
    looks_like: Mapping[str, float]


AMBIGUITY: Mapping[str, Ambiguity] = {
    "akiec": Ambiguity(0.24, {"bcc": 0.45, "bkl": 0.45, "df": 0.10}),
    "bcc": Ambiguity(0.24, {"akiec": 0.45, "mel": 0.15, "vasc": 0.25, "df": 0.15}),
    "bkl": Ambiguity(0.24, {"mel": 0.30, "nv": 0.30, "akiec": 0.40}),
    "df": Ambiguity(0.25, {"nv": 0.55, "bcc": 0.25, "akiec": 0.20}),
    "mel": Ambiguity(0.26, {"nv": 0.60, "bkl": 0.30, "bcc": 0.10}),
    "nv": Ambiguity(0.25, {"mel": 0.55, "bkl": 0.20, "df": 0.25}),
    "vasc": Ambiguity(0.22, {"bcc": 0.50, "mel": 0.25, "nv": 0.25}),
}
# Typicality (0 to 1) is drawn evenly from one of these two ranges. Around 0.35 a case shows its
# own structures and the borrowed ones equally strongly, and below that it passes for the other
# class: raise the lower bound of ATYPICAL to make mistakes rarer.
TYPICAL: tuple[float, float] = (0.80, 1.00)
ATYPICAL: tuple[float, float] = (0.42, 0.80)
# Strength of a case's own structures at typicality 0 (they have full strength at 1), and of the
# borrowed ones at typicality 0 (they vanish at 1).
OWN_AT_ZERO = 0.38
BORROWED_AT_ZERO = 0.95
# Share of the way that a case at typicality 0 goes towards the other class's habit.
HABIT_AT_ZERO = 0.75


@dataclass(frozen=True)
class Feature:
    """A structure that a variant shows with probability ``chance``.

    ``weight`` is how far it tells the class from its neighbours, 0 (not at all) to 1; it scales
    the structure's part in the evidence mask.
    """

    paint: Painter
    chance: float
    weight: float = 1.0


@dataclass(frozen=True)
class Variant:
    """One way for a class to look: its relative frequency, ground and structures."""

    share: float
    habit: Habit
    features: tuple[Feature, ...]
