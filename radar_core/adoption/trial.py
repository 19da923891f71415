"""Whether a network can be attacked and explained: tried out once, before it is taken in."""

from __future__ import annotations

import torch

from radar_core.adoption.found import noise
from radar_core.errors import BadModel, first_line
from radar_core.models.classifier import Classifier

COUNT = 5


def try_out(model: Classifier) -> torch.Tensor:
    """Read five fixed random images, one, two and five at a time, and go back to their pixels.

    Returns:
        The logits (5, classes).

    Raises:
        BadModel: it does not run, does not read each image by itself, gives what is no number, or
            no gradient reaches the pixels.
    """
    images = noise(COUNT, model.input_size).to(model.device)
    with model.held():
        singly = torch.cat([_run(model, images[i : i + 1]) for i in range(COUNT)])
        pairs = _run(model, images[:2])
        leaf = images.clone().requires_grad_()
        with torch.enable_grad():
            together = _run(model, leaf)
        logits = together.detach()
        if not torch.isfinite(logits).all():
            raise BadModel(
                f"{model.name} gives logits that are not numbers; its weights are broken"
            )
        apart = max(_apart(logits, singly), _apart(logits[:2], pairs))
        if apart > 1e-2:
            raise BadModel(
                f"{model.name} reads an image differently among others (logits differ by "
                f"{apart:.2g}); it was exported in training mode: call .eval() before"
            )
        gradient = None
        if together.requires_grad:
            chosen = together.gather(1, together.argmax(1, keepdim=True)).sum()
            (gradient,) = torch.autograd.grad(chosen, leaf, allow_unused=True)
    if gradient is None or not gradient.any():
        raise BadModel(
            f"no gradient of {model.name} reaches its image, so it can be neither attacked nor "
            "explained; export the network itself, without no_grad, detach or rounding"
        )
    if not torch.isfinite(gradient).all():
        raise BadModel(f"{model.name} has gradients that are not numbers; its weights are broken")
    return logits


def _apart(first: torch.Tensor, second: torch.Tensor) -> float:
    """The largest difference, in units of the logits' own size where that is more than 1."""
    return float((first - second).abs().max() / first.abs().max().clamp(min=1))


def _run(model: Classifier, images: torch.Tensor) -> torch.Tensor:
    try:
        logits: torch.Tensor = model(images)
    except BadModel:
        raise
    except Exception as error:  # a network's own; what it says is passed on
        raise BadModel(
            f"{model.name} does not run on {len(images)} images of {model.input_size} px "
            f"({first_line(error)}); "
            "name its size with --size; a program fixed to one batch size is exported anew with "
            'dynamic_shapes={"x": {0: torch.export.Dim("n")}}'
        ) from None
    if len(logits) != len(images):
        raise BadModel(f"{model.name} gives {len(logits)} rows of logits for {len(images)} images")
    return logits
