"""Integrated gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from captum.attr import IntegratedGradients as CaptumIntegratedGradients
from jaxtyping import Float, Int64
from torch import Tensor

from radar_core.explainers import EXPLAINERS, Attribution
from radar_core.explainers.gradients import completeness, differentiable, pass_size
from radar_core.models.classifier import Classifier
from radar_core.params import field_choice, field_range
from radar_core.runtime import Passes, Progress, batch_size


@EXPLAINERS.register("integrated_gradients")
@dataclass(frozen=True)
class IntegratedGradients:
    """What each pixel adds to the class's logit on the straight way from a baseline to the image.

    (x − b) ⊙ ∫ ∇f(b + α(x − b)) dα over α from 0 to 1, by Gauss-Legendre quadrature, summed over
    colour channels. All images share the baseline. The sum should be f(x) − f(b), `difference` in
    the facts; `completeness_gap` is how far it is off, as a share of that. Source: Sundararajan et
    al. 2017, eq. 1; captum's IntegratedGradients.
    """

    title: ClassVar[str] = "Integrated gradients"
    source: ClassVar[str] = "Sundararajan et al. 2017, arXiv:1703.01365"
    signed: ClassVar[bool] = True
    needs_background: ClassVar[bool] = True
    needs_gradients: ClassVar[bool] = True
    needs_layer: ClassVar[bool] = False
    draws: ClassVar[bool] = False
    order: ClassVar[int] = 40

    steps: int = field_range(32, 4, 512, step=4, title="Steps", help="gradients an image")
    baseline: str = field_choice(
        "background mean",
        ("background mean", "black", "blurred"),
        title="Baseline",
        help="no evidence looks like: the mean of the background images, black, or the first "
        "image blurred to 8 × 8 cells",
    )

    @property
    def cost(self) -> Passes:
        """See `Explainer.cost`: one forward pass more for f(x), one for f(b)."""
        return Passes(self.steps + 2, self.steps)

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
        start = baseline(self.baseline, images[0], background)
        ends = _logits(model, torch.cat([start, images]), progress.part(0, 0.1))
        at, done = 0, 0.0

        def counted(points: Tensor) -> Tensor:
            nonlocal done
            progress.step(0.1 + 0.9 * (at + done) / len(images), f"image {at + 1}")
            done += len(points) / self.steps
            return differentiable(model, points)

        method = CaptumIntegratedGradients(counted)
        maps = torch.zeros_like(images[:, 0])
        step = pass_size(model, progress, 0.1)
        for at, (image, target) in enumerate(zip(images, targets, strict=True)):
            done = 0.0
            found = method.attribute(
                image[None],
                start,
                int(target),
                n_steps=self.steps,
                method="gausslegendre",
                internal_batch_size=step,
            )
            maps[at] = found[0].detach().sum(0)
        difference = (ends[1:] - ends[:1]).gather(1, targets[:, None])[:, 0]
        return Attribution(
            maps,
            {"steps": self.steps, "baseline": self.baseline, **completeness(maps, difference)},
        )


def baseline(
    name: str, reference: Float[Tensor, "3 h w"], background: Float[Tensor, "m 3 h w"]
) -> Float[Tensor, "1 3 h w"]:
    """The image of *no evidence*, for each choice of `IntegratedGradients.baseline`."""
    if name == "black":
        return torch.zeros_like(reference[None])
    if name == "blurred":
        coarse = F.adaptive_avg_pool2d(reference[None], 8)
        return F.interpolate(coarse, reference.shape[-2:], mode="bilinear")
    return background.mean(0, keepdim=True)


@torch.no_grad()
def _logits(
    model: Classifier, images: Float[Tensor, "n 3 h w"], progress: Progress
) -> Float[Tensor, "n k"]:
    step = batch_size(*images.shape[-2:], gradients=False)
    parts = []
    for i in range(0, len(images), step):
        progress.step(i / len(images), "logits")
        parts.append(model(images[i : i + step]))
    return torch.cat(parts)
