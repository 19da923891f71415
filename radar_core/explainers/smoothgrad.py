"""SmoothGrad."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from radar_core.explainers import EXPLAINERS, Attribution
from radar_core.explainers.gradients import input_gradient, pass_size
from radar_core.models.classifier import Classifier
from radar_core.params import field_range
from radar_core.runtime import Passes, Progress


@EXPLAINERS.register("smoothgrad")
@dataclass(frozen=True)
class SmoothGrad:
    """The gradient of the class's logit, averaged over noisy copies of the image.

    The largest |mean gradient| over the colour channels. The noise is Gaussian, of `noise` times
    the value range of the first image, and the very same for all images; noisy copies may leave
    [0, 1], as in the paper. Source: Smilkov et al. 2017, section 3; draws are independent, as
    there.
    """

    title: ClassVar[str] = "SmoothGrad"
    source: ClassVar[str] = "Smilkov et al. 2017, arXiv:1706.03825"
    signed: ClassVar[bool] = False
    needs_background: ClassVar[bool] = False
    needs_gradients: ClassVar[bool] = True
    needs_layer: ClassVar[bool] = False
    draws: ClassVar[bool] = True
    order: ClassVar[int] = 42

    samples: int = field_range(32, 4, 512, step=4, title="Samples", help="gradients an image")
    noise: float = field_range(
        0.15, 0.01, 0.5, step=0.01, title="Noise", help="σ as a share of the image's value range"
    )

    @property
    def cost(self) -> Passes:
        """See `Explainer.cost`."""
        return Passes(self.samples, self.samples)

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
        """See `Explainer.attribute`."""
        sigma = self.noise * float(images[0].max() - images[0].min())
        step = min(pass_size(model, progress), self.samples)
        sums = torch.zeros_like(images)
        for i in range(0, self.samples, step):
            # One by one: the draws do not depend on how many fit into a pass.
            count = min(step, self.samples - i)
            drawn = [torch.randn(images.shape[1:], generator=generator) for _ in range(count)]
            added = sigma * torch.stack(drawn).to(images.device)
            for k, image in enumerate(images):
                done = (i + count * k / len(images)) / self.samples
                progress.step(done, f"sample {i + 1} of {self.samples}")
                gradient, _ = input_gradient(model, image + added, targets[k].expand(count))
                sums[k] += gradient.sum(0)
        maps = (sums / self.samples).abs().amax(1)
        return Attribution(maps, {"samples": self.samples, "sigma": sigma})
