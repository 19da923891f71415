"""DeepLIFT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from radar_core.explainers import EXPLAINERS, Attribution
from radar_core.explainers.gradients import completeness, input_gradient, pass_size
from radar_core.explainers.rescale import References, Rescale
from radar_core.models.classifier import Classifier
from radar_core.params import field_range
from radar_core.runtime import Passes, Progress, batch_size


@EXPLAINERS.register("deeplift")
@dataclass(frozen=True)
class DeepLift:
    """What each pixel adds to the class's logit, by differences from reference images.

    The rescale rule hands the difference of a logit back through the network; (x − b) times what
    arrives, summed over colour channels, is averaged over the first `references` background images
    b (DeepSHAP). The sum should be f(x) − f(b), on average `difference` in the facts;
    `completeness_gap` is how far it is off, as a share of that: next to nothing for networks of
    convolutions, ReLU and the like, more where layers are met that have no rule. Source: Shrikumar
    et al. 2017; Lundberg & Lee 2017, section 4.2.
    """

    title: ClassVar[str] = "DeepLIFT"
    source: ClassVar[str] = "Shrikumar et al. 2017, arXiv:1704.02685; Lundberg & Lee 2017"
    signed: ClassVar[bool] = True
    needs_background: ClassVar[bool] = True
    needs_gradients: ClassVar[bool] = True
    needs_layer: ClassVar[bool] = False
    draws: ClassVar[bool] = False
    order: ClassVar[int] = 46

    references: int = field_range(
        8, 1, 64, title="References", help="background images compared with, if there are so many"
    )

    @property
    def cost(self) -> Passes:
        """See `Explainer.cost`: the image passes beside each reference.

        The references pass once for all images of a call, so that each costs less (twice, where the
        network changes in place what it has given to an activation).
        """
        return Passes(2 * self.references, self.references)

    def attribute(
        self,
        model: Classifier,
        images: Float[Tensor, "n 3 h w"],
        targets: Int64[Tensor, " n"],
        *,
        background: Float[Tensor, "m 3 h w"],
        generator: torch.Generator,
        progress: Progress,
    ) -> Attribution:
        """See `Explainer.attribute`; nothing is drawn."""
        references = background[: self.references]
        count = len(references)
        at, step = 0, pass_size(model, progress, times=_held(model))
        step = -(-count // -(-count // step))  # as many batches, of about the same size
        maps = torch.zeros_like(images[:, 0])
        difference = images.new_zeros(len(images))
        while at < count:
            compared = references[at : at + step]
            m = len(compared)
            progress.step(at / count, f"reference {at + 1} of {count}")
            kept, there = References.of(model, compared)
            for k, (image, target) in enumerate(zip(images, targets, strict=True)):
                done = (at + m * k / len(images)) / count
                progress.step(done, f"reference {at + 1} of {count}, image {k + 1}")
                multipliers, logits = input_gradient(
                    model, image.expand_as(compared), target.expand(m), Rescale(kept)
                )
                maps[k] += (multipliers * (image - compared)).sum((0, 1))
                difference[k] += (logits[:, target] - there[:, target]).sum()
            at += m
            step = batch_size(
                *images.shape[-2:], gradients=True, bytes_per_image=kept.taken // m + 1
            )
        maps, difference = maps / count, difference / count
        return Attribution(maps, {"references": count, **completeness(maps, difference)})


def _held(model: Classifier) -> float:
    """How many times what an image takes elsewhere a pair may take, multipliers in 32 bits."""
    return 3.5 if any(p.itemsize < 4 for p in model.parameters()) else 2.5
