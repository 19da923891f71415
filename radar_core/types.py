"""Frozen values that pass between the parts: cases, readings, attack results, explanations.

Images are float32 NCHW tensors in [0, 1]; torch is imported only by those who make or use them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from torch import Tensor

    from radar_core.epsilon import Norm
    from radar_core.runtime import Passes

Status = Literal["flipped", "held", "already wrong", "no-op"]


@dataclass(frozen=True)
class Entry:
    """One line of a data set's index; no picture is held.

    `source` is a path or `phantom:<seed>/<index>`; `mask` the path of a lesion mask, if any;
    `group` what images of one lesion or patient share: they may not stand in two splits.
    """

    id: str
    label: str | None
    split: str | None
    source: str
    mask: str | None = None
    group: str | None = None


@dataclass(frozen=True, eq=False)
class Case:
    """One image with what is known about it.

    Attributes:
        image: (3, h, w) float32 in [0, 1], at the size the source gives.
        label: the true class, where known.
        lesion_mask: (h, w) bool, where the source has one.
        evidence_mask: (h, w) bool, the pixels that made it that class; only the phantom knows them.
        synthetic: shown wherever the image is shown.
        sha256: of the decoded pixels (8-bit RGB, with height and width).
    """

    id: str
    image: Tensor
    label: str | None
    split: str | None
    source: str
    sha256: str
    synthetic: bool = False
    lesion_mask: Tensor | None = None
    evidence_mask: Tensor | None = None


@dataclass(frozen=True)
class Reading:
    """What a classifier reads in one image: the most probable class and all probabilities."""

    label: str
    probability: float
    probabilities: Mapping[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "label": self.label,
            "probability": self.probability,
            "probabilities": dict(self.probabilities),
        }


@dataclass(frozen=True)
class Saved:
    """What the model reads in an example that was saved and opened again.

    `survives` says whether it is still another class than in the clean image (or the target where
    there was one); None where it had not flipped to begin with.
    """

    reading: Reading
    survives: bool | None

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"reading": self.reading.as_dict(), "survives": self.survives}


@dataclass(frozen=True, eq=False)
class AttackResult:
    """Adversarial examples and what they reached.

    Attributes:
        images: (n, 3, h, w) adversarial examples in [0, 1], at the model's input size.
        clean: (n, 3, h, w) the images they were made from, at the same size.
        status: per image; *no-op* when nothing changed (δ = 0) or every gradient was zero.
        readings_clean, readings_attacked: per image.
        linf, l2: per image, the distance really reached, in [0, 1] pixels.
        changed: per image, the share of pixels (any channel) that changed.
        eps: the allowed radius as written, in `norm`; `own` where there was none. `targets`,
            `parameters` and `seed` make the result repeatable.
        norm: what ε bounds, and by which an attack without a budget takes its place on an ε axis.
        distances: per image, for an attack that seeks the nearest example: how far that lies, in
            `norm`, whatever ε allows; None where none was found. Empty for other attacks.
        history: per image, its margin (logits; positive reads another class, or the target) at
            each iteration; empty where the attack does not iterate.
        passes, seconds: of the call, all images and all ε together.
        facts: what the attack states about its run, and what the machine made of it.
    """

    images: Tensor
    clean: Tensor
    status: tuple[Status, ...]
    readings_clean: tuple[Reading, ...]
    readings_attacked: tuple[Reading, ...]
    linf: tuple[float, ...]
    l2: tuple[float, ...]
    changed: tuple[float, ...]
    attack: str
    eps: str
    norm: Norm
    targets: tuple[str, ...] | None
    parameters: Mapping[str, Any]
    seed: int
    passes: Passes
    seconds: float
    distances: tuple[float | None, ...] = ()
    history: tuple[tuple[float, ...], ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Explanation:
    """Attribution maps of a batch, made as one pair or group.

    Attributes:
        maps: (n, h, w) float32 at the images' size; signed where the method is.
        signed: whether negative values mean *against the class*.
        targets: per image, the class that was explained.
        facts: what the method states about its run (samples used, number of superpixels, …).
    """

    maps: Tensor
    explainer: str
    title: str
    signed: bool
    targets: tuple[str, ...]
    parameters: Mapping[str, Any]
    seed: int
    passes: Passes
    seconds: float
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.maps)

    def __getitem__(self, index: int) -> Tensor:
        """The (h, w) map of one image."""
        return self.maps[index]

    def pair(self, index: int) -> Explanation:
        """The reference and one other image of the group, with what is stated of these two.

        Passes and seconds stay those of the whole group.
        """
        facts = {
            name: (value[0], value[index])
            if isinstance(value, list | tuple) and len(value) == len(self)
            else value
            for name, value in self.facts.items()
        }
        targets = (self.targets[0], self.targets[index])
        return replace(self, maps=self.maps[[0, index]], targets=targets, facts=facts)
