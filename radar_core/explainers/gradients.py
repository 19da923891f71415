"""What explainers that follow the gradient to the image share."""

from __future__ import annotations

import contextlib
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.overrides import TorchFunctionMode

from radar_core.errors import BadModel
from radar_core.models.classifier import Classifier
from radar_core.runtime import Progress


def differentiable(
    model: Classifier, points: Float[Tensor, "n 3 h w"], rule: TorchFunctionMode | None = None
) -> Float[Tensor, "n k"]:
    """The model's logits, for a caller who will ask for their gradient by the points.

    Args:
        model: held by the caller.
        points: images that require a gradient; they need not lie in [0, 1].
        rule: what replaces the derivative of nonlinear functions (see `backward_rules`).

    Raises:
        BadModel: the logits have no gradient.
    """
    with torch.enable_grad(), rule or contextlib.nullcontext():
        logits: Tensor = model(points)
    if not logits.requires_grad:
        raise BadModel(
            f"the logits of {model.name} have no gradient by the image; use an explainer that "
            "needs none, such as LIME"
        )
    return logits


def input_gradient(
    model: Classifier,
    points: Float[Tensor, "n 3 h w"],
    targets: Int64[Tensor, " m"],
    rule: TorchFunctionMode | None = None,
) -> tuple[Float[Tensor, "n 3 h w"], Float[Tensor, "n k"]]:
    """The gradient of the targets' logits by the points, in one pass, and all logits.

    Args:
        model, points, rule: as `differentiable` takes them; the points may be any tensor.
        targets: the class of each of the first m points; the others' logits are not asked.

    Raises:
        BadModel: the logits have no gradient.
    """
    points = points.detach().clone().requires_grad_()
    logits = differentiable(model, points, rule)
    with torch.enable_grad():
        score = logits[: len(targets)].gather(1, targets[:, None]).sum()
    (gradient,) = torch.autograd.grad(score, points)
    return gradient, logits.detach()


def pass_size(model: Classifier, progress: Progress, at: float = 0.0, *, times: float = 1.0) -> int:
    """How many images a pass with gradients may hold: measured once, by a pass that may be stopped.

    Args:
        model: held by the caller.
        at: how far the explainer is.
        times: what an image takes, as a multiple of what a gradient keeps.
    """
    progress.step(at, "memory that a pass takes")
    return model.measured_batch_size(times)


def completeness(maps: Float[Tensor, "n h w"], difference: Float[Tensor, " n"]) -> dict[str, Any]:
    """What the maps should add up to, and how far each is off as a share of that.

    The share is finite, and says nothing, where the difference is 0.
    """
    # On the CPU: not every device knows double precision.
    aim = difference.cpu().double()
    off = (maps.cpu().double().sum((1, 2)) - aim).abs()
    gap = off / aim.abs().clamp(min=torch.finfo(torch.float32).tiny)
    return {"difference": difference.tolist(), "completeness_gap": gap.tolist()}
