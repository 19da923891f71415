"""A model looks at images and at benign variants of them: what all scores are made of, at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from radar_core.detection.likeness import appearance
from radar_core.detection.seen import Seen
from radar_core.detection.views import COPIES, SQUEEZERS, copies
from radar_core.errors import BadModel
from radar_core.explainers.layers import layer_pass
from radar_core.models.classifier import Classifier
from radar_core.runtime import Progress, batch_size, generator

MAPPED = 4  # noisy copies that Grad-CAM explains, too
SAMPLES = 4  # gradients of the expected gradients: one a background
EXPLAINED = ("median",)  # squeezers whose expected gradients are looked at
PASSES = 1 + len(SQUEEZERS) + COPIES + (1 + len(SQUEEZERS) + MAPPED) + 2 * SAMPLES * 2


def look(
    model: Classifier,
    images: Float[Tensor, "n 3 s s"],
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> Seen:
    """What the model sees in images and their variants: `PASSES` passes an image, both ways.

    The class explained is the one read in the image itself. What the model cannot give is left out:
    features without a linear layer, Grad-CAM without a convolution.

    Args:
        images: in [0, 1], at the input size, on the model's device.
        seed: of the noise; all images share its draws.
        progress: told of each batch of passes.

    Raises:
        Cancelled: the watcher asked to stop.
    """
    progress = progress or Progress()
    step = batch_size(*images.shape[-2:], gradients=True)
    parts = []
    with model.held():
        for start in range(0, len(images), step):
            here = progress.part(start / len(images), min(1.0, (start + step) / len(images)))
            parts.append(_batch(model, images[start : start + step], seed, here))
    return _joined(parts)


def _batch(model: Classifier, images: Tensor, seed: int, progress: Progress) -> Seen:
    progress.step(0.0, "the image itself")
    logits, features, maps = _pass(model, images, None, mapped=True)
    targets = logits.argmax(1)
    squeezed, map_views, variants = {}, {}, {}
    for number, (name, squeeze) in enumerate(SQUEEZERS.items()):
        progress.step(0.1 + 0.1 * number, "squeezed")
        variants[name] = squeeze(images)
        squeezed[name], _, grid = _pass(model, variants[name], targets, mapped=True)
        if grid is not None:
            map_views[name] = grid
    noisy = []
    for number, copy in enumerate(copies(images, generator(seed, "screen"))):
        progress.step(0.4 + 0.04 * number, "with noise")
        found, _, grid = _pass(model, copy, targets, mapped=number < MAPPED)
        noisy.append(found)
        if grid is not None:
            map_views[f"noise {number + 1}"] = grid
    progress.step(0.75, "SHAP")
    return Seen(
        logits,
        features,
        squeezed,
        torch.stack(noisy),
        maps,
        map_views,
        _attributions(model, images, images, targets),
        {name: _attributions(model, variants[name], images, targets) for name in EXPLAINED},
        appearance(images),
    )


def _pass(
    model: Classifier, images: Tensor, targets: Tensor | None, *, mapped: bool
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Logits, features and Grad-CAM of images, from one pass."""
    with _features(model) as seen:
        if mapped and model.cam_layer_name is not None:
            with contextlib.suppress(BadModel):
                held, gradients, logits = layer_pass(model, images, targets)
                grid = (gradients.mean((2, 3), keepdim=True) * held).sum(1).relu()
                return logits, seen[-1].detach() if seen else None, grid
        with torch.no_grad():
            logits = model(images)
        return logits, seen[-1] if seen else None, None


@contextlib.contextmanager
def _features(model: Classifier) -> Iterator[list[Tensor]]:
    """The penultimate features of each pass; none of a model that has none."""
    with contextlib.ExitStack() as stack:
        try:
            seen = stack.enter_context(model.penultimate())
        except BadModel:
            seen = []
        yield seen


def _attributions(
    model: Classifier, images: Tensor, own: Tensor, targets: Int64[Tensor, " n"]
) -> Float[Tensor, "n s s"]:
    """Expected gradients between plain black, grey and white, the blurred image, and the image.

    Of the image itself, and of all its variants, so that it needs no other image: these are what
    `radar_core.explain` takes for *no evidence* where no background is given.
    """
    import torch.nn.functional as F

    blurred = F.interpolate(F.adaptive_avg_pool2d(own, 8), own.shape[-2:], mode="bilinear")
    backgrounds = [torch.full_like(own, value) for value in (0.0, 0.5, 1.0)] + [blurred]
    total = torch.zeros_like(images[:, 0])
    for number, background in enumerate(backgrounds):
        difference = images - background
        point = background + (number + 0.5) / len(backgrounds) * difference
        point.requires_grad_()
        with torch.enable_grad():
            score = model(point).gather(1, targets[:, None]).sum()
        (gradient,) = torch.autograd.grad(score, point)
        total += (gradient * difference).sum(1)
    return total / len(backgrounds)


def _joined(parts: Sequence[Seen]) -> Seen:
    """Batches as one."""
    if len(parts) == 1:
        return parts[0]

    def whole(name: str, dim: int = 0) -> Tensor | None:
        each = [getattr(part, name) for part in parts]
        return None if each[0] is None else torch.cat(each, dim)

    def views(name: str) -> dict[str, Tensor]:
        first = getattr(parts[0], name)
        return {key: torch.cat([getattr(part, name)[key] for part in parts]) for key in first}

    logits = whole("logits")
    assert logits is not None
    return Seen(
        logits,
        whole("features"),
        views("squeezed"),
        whole("noisy", 1),
        whole("maps"),
        views("map_views"),
        whole("attributions"),
        views("attribution_views"),
        whole("appearance"),
    )
