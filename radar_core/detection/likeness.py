"""Whether an image is of a kind that a detector knows: by its colours, and by what the model sees.

Features alone don't tell: to a model of skin, a brain may lie as near to skin as skin does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

APPEARANCE = "appearance"
FEATURES = "knn"  # the score that measures features as they are
KINDS: Mapping[str, str] = {
    APPEARANCE: "in its colours",
    FEATURES: "in what the model sees",
}
CELLS = 28  # a side; averaging over cells takes off what an attack or noise adds
FAINTEST = 2e-3  # spread below which a channel counts as plain
TAIL = 0.99  # share of known images within whose distance an image is like them
MARGIN = 1.5


def appearance(images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 6"]:
    """Mean and logarithm of the spread of lightness, red against green, and yellow against blue.

    Over 28 × 28 cells, so that neither noise nor an attack of some 255ths moves it. Source: means
    and standard deviations of opponent channels, as Reinhard et al. 2001 (IEEE CG&A 21:5) describe
    the colours of an image; channels here without their logarithms.
    """
    import torch.nn.functional as F

    red, green, blue = F.adaptive_avg_pool2d(images.float(), CELLS).flatten(2).unbind(1)
    channels = torch.stack([(red + green + blue) / 3, red - green, (red + green) / 2 - blue], dim=1)
    spread = channels.std(2, correction=0).clamp(min=FAINTEST).log()
    return torch.cat([channels.mean(2), spread], 1)


@dataclass(frozen=True, eq=False)
class Likeness:
    """How near images are to those of a detector's making, in one kind of description.

    Attributes:
        known: (m, d) the images of its making, clean and attacked, prepared.
        middle, scale: (d) taken off and divided by, so that all of a description weighs the same;
            a single zero and one leave features as they are, at length 1.
        reach: (1) how far from the nearest known image an image may lie.
    """

    known: Float[Tensor, "m d"]
    middle: Float[Tensor, " d"]
    scale: Float[Tensor, " d"]
    reach: Float[Tensor, " 1"]

    def unlike(self, values: Float[Tensor, "n d"]) -> Tensor:
        """(n,) whether images lie beyond reach."""
        return nearest(_prepared(values, self.middle, self.scale), self.known) > self.reach

    def tensors(self) -> dict[str, Tensor]:
        """What makes it, by name; the images in half precision."""
        return {
            "known": self.known.half(),
            "middle": self.middle,
            "scale": self.scale,
            "reach": self.reach,
        }


def learn(kind: str, known: Sequence[Tensor], held_out: Tensor) -> Likeness:
    """What is near: `MARGIN` times the distance within which `TAIL` of clean images lie.

    Those are the ones of its making, each without itself and without what was made of it, and the
    ones kept back: an image beside its own attacked version is near, and says nothing of others.

    Args:
        known: parts of (m, d), clean images first. held_out: (n, d) clean images.
    """
    clean = known[0].cpu().float()
    middle, scale = torch.zeros(1), torch.ones(1)
    if kind == APPEARANCE:
        middle, scale = clean.mean(0), clean.std(0).clamp(min=1e-6)
    bank = _prepared(torch.cat([part.cpu().float() for part in known]), middle, scale)
    bank = bank.half().float()
    own, held = bank[: len(clean)], _prepared(held_out, middle, scale)
    apart = torch.cat([nearest(own, own, own=True), nearest(held, bank)])
    return Likeness(bank, middle, scale, MARGIN * apart.quantile(TAIL).reshape(1))


def _prepared(values: Tensor, middle: Tensor, scale: Tensor) -> Tensor:
    found = values.cpu().float()
    if len(middle) == 1:
        return torch.nn.functional.normalize(found)
    return (found - middle) / scale


def nearest(
    images: Float[Tensor, "n d"], known: Float[Tensor, "m d"], *, own: bool = False
) -> Float[Tensor, " n"]:
    """The distance to the nearest known image.

    Args:
        own: each of the images is among the known ones, in their order, and does not count itself.
    """
    distances = torch.cdist(images, known, compute_mode="donot_use_mm_for_euclid_dist")
    if own:
        distances.fill_diagonal_(float("inf"))
    return distances.amin(1)
