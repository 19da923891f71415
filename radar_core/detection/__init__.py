"""Screening scores: how unusual one image is, without a clean twin. One file each.

`DETECTORS` finds them; `radar_core.uncover` has a model look at images, fits, calibrates and
combines them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from radar_core.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

    from radar_core.detection.seen import Seen

Need = Literal["logits", "features", "squeezed", "noisy", "maps", "attributions"]
State = Mapping[str, "Tensor"]


class Score(Protocol):
    """What a file of this folder registers: a frozen dataclass of parameters, three steps.

    `measure` takes of an image what the score is made of, a few numbers; `fit` learns from those
    of clean training images, and of nothing else; `score` says how suspicious each image is,
    higher for more.

    Attributes:
        needs: the parts of `Seen` that `measure` reads; where a model cannot give one, the score is
            left out.
        said: what a high value means, as the rest of a sentence that begins with *The*.
        differentiable: whether gradients by the image pass, so that an attacker who knows the score
            can lower it directly.
        order: the place in lists.
    """

    title: ClassVar[str]
    source: ClassVar[str]
    needs: ClassVar[tuple[Need, ...]]
    said: ClassVar[str]
    differentiable: ClassVar[bool]
    order: ClassVar[int]

    def measure(self, seen: Seen) -> Tensor:
        """(n, d) float32 of what the model saw in n images."""
        ...

    def fit(self, measured: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """What is kept of clean training images.

        Args:
            measured: (m, d) as `measure` gives it.
            labels: (m,) int64, the true classes; every one occurs twice or more, or not at all.

        Returns:
            Tensors by name; none for a score that learns nothing.
        """
        ...

    def score(self, measured: Tensor, state: State) -> Tensor:
        """(n,) suspicion of images, each independent of the others; higher is more suspicious."""
        ...


class Unfitted:
    """A score that learns nothing."""

    def fit(self, measured: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """See `Score.fit`."""
        return {}


class OfLogits(Unfitted):
    """A score of the logits as pytorch-ood has it."""

    needs: ClassVar[tuple[Need, ...]] = ("logits",)
    differentiable: ClassVar[bool] = True
    library: ClassVar[str]

    def measure(self, seen: Seen) -> Tensor:
        """The logits."""
        return seen.logits

    def score(self, measured: Tensor, state: State) -> Tensor:
        """See `Score.score`."""
        from pytorch_ood import detector

        found: Tensor = getattr(detector, self.library).score(measured)
        return found


class Stability(Unfitted, ABC):
    """How far the maps of variants are from the map of the image, on average."""

    differentiable: ClassVar[bool] = False

    @abstractmethod
    def maps(self, seen: Seen) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The map of each image, and those of its variants, by their names."""

    def measure(self, seen: Seen) -> Tensor:
        """How unlike the map of each variant is."""
        import torch

        from radar_core.detection.seen import unlike

        own, variants = self.maps(seen)
        return torch.stack([unlike(own, other) for other in variants.values()], 1)

    def score(self, measured: Tensor, state: State) -> Tensor:
        """See `Score.score`."""
        return measured.mean(1)


DETECTORS: Registry[Score] = Registry("detector", __name__)
