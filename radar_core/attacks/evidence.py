"""Grad-CAM as an attack sees it: differentiable by the image."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from radar_core.attacks.objective import Objective
from radar_core.attacks.two_goals import Second
from radar_core.errors import BadModel
from radar_core.models.classifier import Classifier
from radar_core.runtime import batch_size

HELD = 3  # passes' worth of memory of a second derivative
Distance = Callable[[Float[Tensor, "m g f"], Int64[Tensor, " m"]], Float[Tensor, " m"]]


def evidence(
    model: Classifier, images: Float[Tensor, "n 3 h w"], classes: Int64[Tensor, " n"] | None
) -> tuple[Float[Tensor, "n g f"], Float[Tensor, "n k"]]:
    """Grad-CAM on the layer's own grid, with a graph, and the logits.

    Source: Selvaraju et al. 2017, eq. 1 and 2.

    Args:
        images: requiring gradients.
        classes: explained; None for the class read in each image.

    Raises:
        BadModel: the model has no layer that makes a map.
    """
    with _held(model) as seen:
        logits = model(images)
    layer = f"layer {model.cam_layer_name!r} of {model.name}"
    if not seen or seen[-1].shape[-2:] == (1, 1):
        raise BadModel(f"{layer} makes no map, so there is no explanation to attack")
    chosen = logits.argmax(1) if classes is None else classes
    (gradient,) = torch.autograd.grad(
        logits.gather(1, chosen[:, None]).sum(), seen[-1], create_graph=True, allow_unused=True
    )
    if gradient is None:
        raise BadModel(f"the logits have no gradient by {layer}, so there is nothing to attack")
    weighted = (gradient.mean((2, 3), keepdim=True) * seen[-1]).sum(1)
    return weighted.relu(), logits


@contextlib.contextmanager
def _held(model: Classifier) -> Iterator[list[Tensor]]:
    seen: list[Tensor] = []
    if model.cam_layer_name is None:
        raise BadModel(f"{model.name} has no layer for Grad-CAM, whose maps are attacked here")

    def keep(module: Any, given: Any, output: Any) -> Tensor | None:
        if not isinstance(output, Tensor) or output.ndim != 4:
            return None
        seen[:] = [output]
        return output.clone()  # a later in-place activation does not spoil what is kept

    hook = model.cam_layer.register_forward_hook(keep)
    try:
        yield seen
    finally:
        hook.remove()


def share(maps: Float[Tensor, "n g f"]) -> Float[Tensor, "n g f"]:
    """Each map as a distribution over its cells; one that is 0 everywhere stays so."""
    return maps / maps.sum((1, 2), keepdim=True).clamp_min(1e-12)


def clean_shares(objective: Objective) -> Float[Tensor, "n g f"]:
    """The maps of the clean images for the class read in each, a row each."""
    parts = []
    step = _step(objective)
    for part in objective.clean.split(step):
        with torch.enable_grad():
            maps, _ = evidence(objective.model, part.detach().requires_grad_(), None)
        parts.append(share(maps.detach()))
    return torch.cat(parts)


def towards(objective: Objective, distance: Distance, *, own_class: bool) -> Second:
    """A second goal: that the map of an image has a small distance.

    Args:
        distance: of shares (m, g, f) and rows.
        own_class: the map is that of the class read in the image itself; else of the class read in
            the clean one.
    """
    read = objective.clean_logits.argmax(1)

    def second(images: Tensor, rows: Tensor, tick: Callable[[], None]) -> tuple[Tensor, Tensor]:
        ways, values = [], []
        parts = zip(images.split(_step(objective)), rows.split(_step(objective)), strict=True)
        for part, here in parts:
            tick()
            with torch.enable_grad():
                leaf = part.detach().requires_grad_()
                maps, _ = evidence(objective.model, leaf, None if own_class else read[here])
                value = distance(share(maps), here)
                gradient = None
                if value.requires_grad:
                    (gradient,) = torch.autograd.grad(-value.sum(), leaf, allow_unused=True)
            gradient = torch.zeros_like(leaf) if gradient is None else gradient
            ways.append(gradient.nan_to_num(0.0))
            values.append(value.detach())
        return torch.cat(ways), torch.cat(values)

    return second


def _step(objective: Objective) -> int:
    return max(1, batch_size(*objective.clean.shape[-2:], gradients=True) // HELD)
