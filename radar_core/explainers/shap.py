"""SHAP values as expected gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from radar_core.explainers import EXPLAINERS, Attribution
from radar_core.explainers.gradients import pass_size
from radar_core.models.classifier import Classifier
from radar_core.params import field_range
from radar_core.runtime import Passes, Progress


@EXPLAINERS.register("shap")
@dataclass(frozen=True)
class ExpectedGradients:
    """What each pixel adds to the class's logit, against a background of clean images.

    The mean over background images b and α uniform in [0, 1] of (x − b) ⊙ ∇f(b + α(x − b)), summed
    over colour channels. All images share the draws of b and α, so that a difference between two
    maps is a difference between two images. The draws are stratified twice: each α falls in its own
    of `samples` equal intervals, and the α of each background image spread over [0, 1] as evenly.
    So 96 gradients repeat as well as 200 independent ones (`benchmarks/explainers.py`). Source:
    Erion et al. 2021, eq. 3; captum's GradientShap is the same estimator with independent draws.
    """

    title: ClassVar[str] = "SHAP (expected gradients)"
    source: ClassVar[str] = "Erion et al. 2021, arXiv:1906.10670; Lundberg & Lee 2017"
    signed: ClassVar[bool] = True
    needs_background: ClassVar[bool] = True
    needs_gradients: ClassVar[bool] = True
    needs_layer: ClassVar[bool] = False
    draws: ClassVar[bool] = True
    order: ClassVar[int] = 20

    samples: int = field_range(96, 4, 2048, step=4, title="Samples", help="gradients an image")

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
        device = images.device
        count = self.samples
        rounds = -(-count // len(background))  # each goes through the background once
        order = torch.stack(
            [torch.randperm(len(background), generator=generator) for _ in range(rounds)]
        ).flatten()[:count]
        alphas = (torch.arange(count) + torch.rand(count, generator=generator)) / count
        alphas, order = alphas.view(-1, 1, 1, 1).to(device), order.to(device)
        step = min(pass_size(model, progress), count)
        maps = torch.zeros_like(images[:, 0])
        for k, (image, target) in enumerate(zip(images, targets, strict=True)):
            for i in range(0, count, step):
                progress.step((k * count + i) / (len(images) * count), f"sample {i + 1} of {count}")
                chosen = background[order[i : i + step]]
                difference = image - chosen
                points = torch.addcmul(chosen, alphas[i : i + step], difference).requires_grad_()
                with torch.enable_grad():
                    score = model(points)[:, target].sum()
                (gradient,) = torch.autograd.grad(score, points)
                maps[k] += (gradient * difference).sum((0, 1))
        return Attribution(maps / count, {"samples": count, "background_images": len(background)})
