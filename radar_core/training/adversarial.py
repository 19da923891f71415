"""Adversarial training: images are attacked just before the network learns from them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from radar_core.models.classifier import Classifier
from radar_core.runtime import batch_size
from radar_core.training.squares import Squares

STEP = 1.25  # in ε, from a random start


def attacked(
    model: Classifier,
    images: Float[Tensor, "n 3 h w"],
    labels: Int64[Tensor, " n"],
    radius: float,
    *,
    random: bool,
    dtype: torch.dtype = torch.float32,
) -> Float[Tensor, "n 3 h w"]:
    """FGSM in the L∞ ball, against the true class; one step further than ε from a random start.

    The start draws from torch's own generator. Source: Wong et al. 2020, arXiv:2001.03994,
    algorithm 3.

    Args:
        radius: ε in [0, 1] pixels.
        dtype: of the passes.
    """
    start = images
    if random:
        start = (images + (2 * torch.rand_like(images) - 1) * radius).clamp(0, 1)
    leaf = start.detach().requires_grad_()
    with torch.enable_grad():
        with torch.autocast(images.device.type, dtype, dtype != torch.float32):
            logits = model(leaf)
        loss = F.cross_entropy(logits.float(), labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, leaf)
    length = STEP * radius if random else radius
    change = (start - images + length * gradient.sign()).clamp(-radius, radius)
    return (images + change).clamp(0, 1)


def attacked_logits(model: Classifier, squares: Squares, radius: float) -> Float[Tensor, "n k"]:
    """Logits of all squares, each attacked by FGSM from where it is."""
    step = batch_size(squares.side, squares.side, gradients=True)
    found = []
    for number, batch in enumerate(squares.batches(step)):
        images = batch.to(model.device).float().div_(255)
        labels = squares.labels[number * step : number * step + len(images)].to(model.device)
        images = attacked(model, images, labels, radius, random=False)
        with torch.no_grad():
            found.append(model(images).cpu())
    return torch.cat(found)
