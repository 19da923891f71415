"""What a model sees in images and in benign variants of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor

from radar_core.detection import Need


@dataclass(frozen=True, eq=False)
class Seen:
    """What scores are made of, for n images; what a model cannot give is None or empty.

    All maps of an image are of one class: the one first read in it.

    Attributes:
        logits: (n, k). features: (n, f) penultimate features.
        squeezed: logits of each image after a squeezer (see `views`), by its name.
        noisy: (v, n, k) logits of copies with benign noise.
        maps: (n, g, g) Grad-CAM on the layer's own grid; `map_views`: the same of variants.
        attributions: (n, h, w) expected gradients; `attribution_views`: the same of variants.
        appearance: (n, 6) the colours of the images themselves (see `likeness`); no score is made
            of it, since an unusual picture is no sign of an attack.
    """

    logits: Float[Tensor, "n k"]
    features: Float[Tensor, "n f"] | None = None
    squeezed: Mapping[str, Float[Tensor, "n k"]] = field(default_factory=dict)
    noisy: Float[Tensor, "v n k"] | None = None
    maps: Float[Tensor, "n g f"] | None = None
    map_views: Mapping[str, Float[Tensor, "n g f"]] = field(default_factory=dict)
    attributions: Float[Tensor, "n h w"] | None = None
    attribution_views: Mapping[str, Float[Tensor, "n h w"]] = field(default_factory=dict)
    appearance: Float[Tensor, "n 6"] | None = None

    def has(self, need: Need) -> bool:
        """Whether a part is there."""
        return bool(
            {
                "logits": True,
                "features": self.features is not None,
                "squeezed": bool(self.squeezed),
                "noisy": self.noisy is not None,
                "maps": self.maps is not None and bool(self.map_views),
                "attributions": self.attributions is not None and bool(self.attribution_views),
            }[need]
        )


def unlike(first: Float[Tensor, "n a b"], second: Float[Tensor, "n a b"]) -> Float[Tensor, " n"]:
    """How unlike two maps of each image are: 1 − Pearson's correlation, in [0, 2].

    Two constant maps are alike, a constant and another one wholly unlike (1).
    """
    one, other = (
        each.flatten(1) - each.flatten(1).mean(1, keepdim=True) for each in (first, second)
    )
    lengths = one.norm(dim=1), other.norm(dim=1)
    flat = lengths[0] * lengths[1] == 0
    same = (lengths[0] == 0) & (lengths[1] == 0)
    product = (one * other).sum(1) / (lengths[0] * lengths[1]).masked_fill(flat, 1.0)
    found: Tensor = 1 - product.masked_fill(same, 1.0)
    return found
