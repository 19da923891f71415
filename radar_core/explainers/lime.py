"""LIME for images."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64
from lime.lime_base import LimeBase
from numpy.typing import NDArray
from skimage.segmentation import slic
from torch import Tensor

from radar_core.explainers import EXPLAINERS, Attribution
from radar_core.models.classifier import Classifier
from radar_core.params import field_choice, field_range
from radar_core.runtime import Passes, Progress, batch_size

KERNEL_WIDTH = 0.25  # of cosine distances, as lime's image explainer
SHOWN = 5  # superpixels that people look at, as the paper's figures


@EXPLAINERS.register("lime")
@dataclass(frozen=True)
class Lime:
    """How much each superpixel adds to the class's probability, by a local linear model.

    Superpixels are hidden at random, the model reads what is left, and a ridge regression
    (weighted by likeness to the whole image) gives each superpixel its coefficient. All images
    share the superpixels and the hidden content of the first, and the masks. Source: Ribeiro et
    al. 2016; surrogate fit by the lime package.

    Superpixels are SLIC's: even in size, so that coefficients can be compared, about as many as
    asked for, and made ten times as fast as those of quickshift, lime's default.
    """

    title: ClassVar[str] = "LIME"
    source: ClassVar[str] = "Ribeiro et al. 2016, arXiv:1602.04938"
    signed: ClassVar[bool] = True
    needs_background: ClassVar[bool] = False
    needs_gradients: ClassVar[bool] = False
    needs_layer: ClassVar[bool] = False
    draws: ClassVar[bool] = True
    order: ClassVar[int] = 30

    samples: int = field_range(400, 20, 5000, step=20, title="Samples", help="readings an image")
    superpixels: int = field_range(50, 5, 300, title="Superpixels", help="about so many")
    hide: str = field_choice(
        "own mean",
        ("own mean", "image mean", "black"),
        title="Hidden superpixels take",
        help="their own mean colour, the image's, or black; black is far from any image trained on",
    )

    @property
    def cost(self) -> Passes:
        """See `Explainer.cost`."""
        return Passes(self.samples, 0)

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
        segments = superpixels(images[0], self.superpixels)
        hidden = hidden_content(images[0], segments, self.hide)
        count = int(segments.max()) + 1
        masks = draw_masks(self.samples, count, generator).to(images.device)
        maps, facts = torch.zeros_like(images[:, 0]), []
        for k, (image, target) in enumerate(zip(images, targets, strict=True)):
            part = progress.part(k / len(images), (k + 1) / len(images))
            read = probabilities(model, image, hidden, segments, masks, int(target), part)
            coefficients, said = surrogate(masks.cpu().numpy(), read.cpu().double().numpy())
            maps[k] = torch.from_numpy(coefficients).to(maps)[segments]
            facts.append(said)
        return Attribution(
            maps,
            {
                "samples": self.samples,
                "superpixels": count,
                **{key: [said[key] for said in facts] for key in facts[0]},
            },
        )


def superpixels(image: Float[Tensor, "3 h w"], wanted: int) -> Int64[Tensor, "h w"]:
    """SLIC superpixels, numbered from 0 without gaps, on the image's device."""
    pixels = image.permute(1, 2, 0).cpu().double().numpy()
    found = slic(pixels, n_segments=wanted, compactness=10, sigma=1, start_label=0)
    _, numbered = np.unique(found, return_inverse=True)
    return torch.from_numpy(numbered.reshape(found.shape)).long().to(image.device)


def hidden_content(
    image: Float[Tensor, "3 h w"], segments: Int64[Tensor, "h w"], hide: str
) -> Float[Tensor, "3 h w"]:
    """What shows where a superpixel is hidden, for each choice of `Lime.hide`."""
    if hide == "black":
        return torch.zeros_like(image)
    if hide == "image mean":
        return image.mean((1, 2), keepdim=True).expand_as(image)
    # On the CPU: index_add_ on a GPU sums in no fixed order.
    flat, colours = segments.flatten().cpu(), image.flatten(1).cpu().double()
    sums = torch.zeros(3, int(flat.max()) + 1, dtype=torch.float64).index_add_(1, flat, colours)
    return (sums / flat.bincount()).float()[:, flat].view_as(image).to(image.device)


def draw_masks(samples: int, count: int, generator: torch.Generator) -> Bool[Tensor, "s m"]:
    """Which superpixels each sample keeps, each with chance ½; the first keeps all.

    Each odd sample is the complement of the one before. The lime package draws all independently;
    in pairs, two seeds agree better at the same cost (benchmarks/lime_repeat.py).
    """
    masks = torch.rand(-(-samples // 2), count, generator=generator) < 0.5
    masks[0] = True
    return torch.stack([masks, ~masks], dim=1).flatten(0, 1)[:samples]


@torch.no_grad()
def probabilities(
    model: Classifier,
    image: Float[Tensor, "3 h w"],
    hidden: Float[Tensor, "3 h w"],
    segments: Int64[Tensor, "h w"],
    masks: Bool[Tensor, "s m"],
    target: int,
    progress: Progress,
) -> Float[Tensor, " s"]:
    """The target's probability for each mask, `hidden` showing where a superpixel is not kept."""
    step = min(batch_size(*image.shape[-2:], gradients=False), len(masks))
    buffer = image.new_empty((step, *image.shape))
    read = []
    for i in range(0, len(masks), step):
        progress.step(i / len(masks), f"sample {i + 1} of {len(masks)}")
        kept = masks[i : i + step][:, None, segments]
        batch = torch.where(kept, image, hidden, out=buffer[: len(kept)])
        read.append(model(batch).softmax(1)[:, target])
    return torch.cat(read)


def surrogate(
    masks: NDArray[np.bool_], read: Float64[np.ndarray, " s"]
) -> tuple[Float64[np.ndarray, " m"], dict[str, Any]]:
    """Coefficients of the weighted ridge regression, its R², and how well its halves agree.

    Returns:
        The coefficient of each superpixel, and `r2` with `halves_agree`: the IoU of the five
        strongest superpixels of two fits, one on each half of the samples.
    """
    coefficients, r2 = _fit(masks, read)
    middle = len(masks) // 2
    halves = [_fit(masks[half], read[half])[0] for half in (slice(middle), slice(middle, None))]
    top = [set(np.argsort(-np.abs(half), kind="stable")[:SHOWN].tolist()) for half in halves]
    agree = len(top[0] & top[1]) / len(top[0] | top[1])
    return coefficients, {"r2": r2, "halves_agree": agree}


def _fit(
    masks: NDArray[np.bool_], read: Float64[np.ndarray, " s"]
) -> tuple[Float64[np.ndarray, " m"], float]:
    kept = masks.astype(np.float64)
    distances = 1 - np.sqrt(kept.mean(1))  # cosine distance to the mask that keeps all
    base = LimeBase(partial(_kernel, width=KERNEL_WIDTH), random_state=0)
    _, pairs, r2, _ = base.explain_instance_with_data(
        kept, read[:, None], distances, 0, kept.shape[1], feature_selection="none"
    )
    coefficients = np.zeros(kept.shape[1])
    for superpixel, coefficient in pairs:
        coefficients[superpixel] = coefficient
    return coefficients, float(r2)


def _kernel(distances: Float64[np.ndarray, " s"], width: float) -> Float64[np.ndarray, " s"]:
    return np.sqrt(np.exp(-(distances**2) / width**2))
