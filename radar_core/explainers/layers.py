"""Class activation maps: what one convolutional layer holds, weighted for a class."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from radar_core.errors import BadModel
from radar_core.explainers import Attribution
from radar_core.models.classifier import Classifier
from radar_core.runtime import Progress, batch_size

Weights = Callable[[Tensor, Tensor], Tensor]


def class_activation_map(
    model: Classifier,
    images: Float[Tensor, "n 3 h w"],
    targets: Int64[Tensor, " n"],
    weights: Weights,
    *,
    progress: Progress,
    note: str,
) -> Attribution:
    """The layer's channels, weighted and summed, cut off below 0 and upsampled bilinearly.

    Args:
        model: held by the caller; its `cam_layer` is looked at.
        images: in [0, 1], at the input size.
        targets: the class explained in each image.
        weights: (n, c) of activations and of the class's logit's gradients by them, both
            (n, c, h', w').
        progress: stepped before each pass.
        note: what the watcher is told.

    Returns:
        Maps (n, h, w), and as facts the layer, its grid and which maps are all 0.

    Raises:
        BadModel: the layer's output is no map, a map of one cell, or does not move the logits.
    """
    step = batch_size(*images.shape[-2:], gradients=True)
    parts, grid = [], [0, 0]
    for i in range(0, len(images), step):
        progress.step(i / len(images), note)
        held, gradients, _ = layer_pass(model, images[i : i + step], targets[i : i + step])
        grid = list(held.shape[-2:])
        coarse = F.relu((weights(held, gradients)[..., None, None] * held).sum(1, keepdim=True))
        parts.append(F.interpolate(coarse, images.shape[-2:], mode="bilinear")[:, 0])
    maps = torch.cat(parts)
    empty = (~maps.flatten(1).any(1)).tolist()
    return Attribution(maps, {"layer": model.cam_layer_name, "grid": grid, "empty": empty})


def layer_pass(
    model: Classifier, images: Float[Tensor, "n 3 h w"], targets: Int64[Tensor, " n"] | None
) -> tuple[Float[Tensor, "n c g f"], Float[Tensor, "n c g f"], Float[Tensor, "n k"]]:
    """What the Grad-CAM layer holds, the gradient of each target's logit by it, and the logits.

    Args:
        targets: None for the class read in each image.

    Raises:
        BadModel: see `class_activation_map`.
    """
    layer = f"layer {model.cam_layer_name!r} of {model.name}"
    with torch.enable_grad(), _watched(model.cam_layer) as seen:
        logits = model(images.detach())
    held = seen[0] if seen else None
    if held is None:
        raise BadModel(
            f"{layer} has no output of shape (n, channels, height, width); "
            "name a convolutional block as cam_layer"
        )
    if held.shape[-2:] == (1, 1):
        raise BadModel(
            f"{layer} sees the whole image of {images.shape[-1]} px as one cell, which makes no "
            "map; name an earlier convolutional block as cam_layer"
        )
    gradient = None
    if logits.requires_grad:
        chosen = logits.argmax(1) if targets is None else targets
        (gradient,) = torch.autograd.grad(
            logits.gather(1, chosen[:, None]).sum(), held, allow_unused=True
        )
    if gradient is None:
        raise BadModel(
            f"the logits have no gradient by {layer}; name a convolutional block that they "
            "depend on as cam_layer"
        )
    return held.detach().float(), gradient.float(), logits.detach()


@contextlib.contextmanager
def _watched(layer: nn.Module) -> Iterator[list[Tensor | None]]:
    """The layer's last output while the block runs, as a leaf; None for what is no map."""
    seen: list[Tensor | None] = []

    def keep(module: nn.Module, given: Any, output: Any) -> Tensor | None:
        is_map = isinstance(output, Tensor) and output.ndim == 4 and output.is_floating_point()
        leaf = output.detach().requires_grad_() if is_map else None
        seen[:] = [leaf]
        # The network goes on with a copy: a later in-place activation does not spoil what is kept.
        return None if leaf is None else leaf.clone()

    hook = layer.register_forward_hook(keep)
    try:
        yield seen
    finally:
        hook.remove()
