"""Agreement of copies with noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from radar_core.detection import DETECTORS, Need, State, Unfitted
from radar_core.detection.seen import Seen


@DETECTORS.register("noise_vote")
@dataclass(frozen=True)
class NoiseVote(Unfitted):
    """How far copies with a little noise read otherwise than the image itself.

    One minus the mean probability that the copies give the class read in the image: a vote that
    counts how sure each voter is, so that few copies suffice. Source: Roth et al. 2019, section 3
    (log-odds under noise); the vote is that of Cohen et al. 2019, arXiv:1902.02918.
    """

    title: ClassVar[str] = "Vote of noisy copies"
    source: ClassVar[str] = "Roth et al. 2019, arXiv:1902.04818"
    needs: ClassVar[tuple[Need, ...]] = ("noisy",)
    said: ClassVar[str] = "copies with a little noise do not read as the image does"
    differentiable: ClassVar[bool] = True
    order: ClassVar[int] = 31

    def measure(self, seen: Seen) -> Float[Tensor, "n 2"]:
        """The mean probability of the class first read, in the copies and in the image."""
        assert seen.noisy is not None
        read = seen.logits.argmax(1, keepdim=True)
        copies = seen.noisy.softmax(2).mean(0).gather(1, read)
        return torch.cat([copies, seen.logits.softmax(1).gather(1, read)], 1)

    def score(self, measured: Float[Tensor, "n 2"], state: State) -> Float[Tensor, " n"]:
        """See `Score.score`."""
        return 1 - measured[:, 0]
