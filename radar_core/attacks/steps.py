"""What iterative attacks share: where they start, and what they keep."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from radar_core.attacks.objective import Objective


def random_start(
    objective: Objective, rows: Int64[Tensor, " m"], generator: torch.Generator
) -> Float[Tensor, "m 3 h w"]:
    """Uniform in the L∞ ball, cut to [0, 1]; one draw serves all images."""
    clean = objective.clean[rows]
    draw = torch.rand((1, *clean.shape[1:]), generator=generator).to(clean.device)
    return objective.project(clean + objective.radii[rows] * (2 * draw - 1), rows)


class Strongest:
    """Per image, the variant that lies furthest past the decision boundary of all offered.

    Attributes:
        images, logits: of the strongest so far; the clean images until something is offered.
    """

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self.images = objective.clean.clone()
        self.logits = objective.clean_logits.clone()
        self._margins = torch.full_like(self.logits[:, 0], -torch.inf)

    @property
    def held(self) -> Int64[Tensor, " m"]:
        """The images that nothing offered has flipped."""
        return (self._margins <= 0).nonzero()[:, 0]

    def offer(
        self,
        images: Float[Tensor, "m 3 h w"],
        logits: Float[Tensor, "m k"],
        rows: Int64[Tensor, " m"],
    ) -> None:
        """Take these variants of the images `rows` where they are stronger."""
        margins = self._objective.margin(logits, rows)
        better = margins > self._margins[rows]
        taken = rows[better]
        self.images[taken] = images[better]
        self.logits[taken] = logits[better]
        self._margins[taken] = margins[better]
