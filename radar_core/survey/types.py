"""What a survey knows of an image and of a set: frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Stage = Literal["readings", "effects", "done"]


@dataclass(frozen=True)
class Effect:
    """What the survey's attack does to one image.

    Attributes:
        eps: the smallest ε of the axis at which the reading is another one, as it is written;
            empty where there is none on it. An upper bound of the distance to the boundary.
        overlap: top-k overlap in [0, 1] of the explanations of the clean image and of the attacked
            one at that ε (at the axis's last where none flips), for the class read in the clean
            image; None where the model cannot be explained so.
    """

    eps: str
    overlap: float | None


@dataclass(frozen=True)
class Row:
    """What is known of one image.

    Attributes:
        sha256: of its pixels.
        reading, probability: the class read without an attack, and its probability.
        effect: None until it is computed.
    """

    sha256: str
    reading: str
    probability: float
    effect: Effect | None = None


@dataclass(frozen=True, eq=False)
class Survey:
    """A survey as far as it goes.

    Attributes:
        total: images in the set.
        rows: id → what is known of that image; what is not read yet is not in it.
        unreadable: id → why that image cannot be read, in one sentence.
        stage: what is under way.
        notes: what whoever looks at it should know, a sentence each.
    """

    total: int
    rows: Mapping[str, Row] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)
    stage: Stage = "readings"
    notes: tuple[str, ...] = ()

    @property
    def attacked(self) -> int:
        """Images that were attacked, too."""
        return sum(row.effect is not None for row in self.rows.values())

    @property
    def complete(self) -> bool:
        """Whether every image that can be read is read and attacked."""
        left = self.total - len(self.unreadable)
        return len(self.rows) >= left and self.attacked >= left
