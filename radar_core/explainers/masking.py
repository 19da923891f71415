"""What the model reads where parts of an image are hidden: the passes of every masking method."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from radar_core.models.classifier import Classifier
from radar_core.params import field_choice
from radar_core.runtime import Progress, batch_size

HIDES: Mapping[str, str] = MappingProxyType(
    {
        "own mean": "its own mean colour",
        "image mean": "the image's mean colour",
        "blurred": "the image, blurred",
        "black": "black",
    }
)


def field_hide(default: str, *, superpixels: bool) -> Any:
    """The control of what shows where a part is hidden; the first image gives it to all.

    Only superpixels have a mean colour of their own.
    """
    return field_choice(
        default,
        {id: title for id, title in HIDES.items() if superpixels or id != "own mean"},
        title="What is hidden shows",
        help="Black is far from any image trained on; a mean colour or a blurred image is nearer.",
    )


def hidden_content(
    image: Float[Tensor, "3 h w"], segments: Int64[Tensor, "h w"] | None, hide: str
) -> Float[Tensor, "3 h w"]:
    """What shows where a part is hidden: see `HIDES`; *own mean* is that of each segment."""
    if hide == "black":
        return torch.zeros_like(image)
    if hide == "image mean":
        return image.mean((1, 2), keepdim=True).expand_as(image)
    if hide == "blurred":
        from torchvision.transforms.functional import gaussian_blur

        sigma = 0.05 * min(image.shape[-2:])
        size = 2 * round(min(2 * sigma, (min(image.shape[-2:]) - 1) / 2)) + 1
        blurred: Tensor = gaussian_blur(image, [size, size], [sigma, sigma])
        return blurred
    assert segments is not None, "only segments have a mean of their own"
    # On the CPU: index_add_ on a GPU sums in no fixed order.
    flat, colours = segments.flatten().cpu(), image.flatten(1).cpu().double()
    sums = torch.zeros(3, int(flat.max()) + 1, dtype=torch.float64).index_add_(1, flat, colours)
    return (sums / flat.bincount()).float()[:, flat].view_as(image).to(image.device)


@torch.no_grad()
def read_masked(
    model: Classifier,
    image: Float[Tensor, "3 h w"],
    hidden: Float[Tensor, "3 h w"],
    shown: Callable[[int, int], Tensor],
    count: int,
    target: int,
    progress: Progress,
    *,
    seen: Callable[[Tensor, Tensor], None] | None = None,
) -> Float[Tensor, " s"]:
    """The target's probability under each of `count` masks, a batch at a time.

    Args:
        shown: given the numbers of a first mask and of the one after the last, those masks as
            (k, 1, h, w): bool, or float in [0, 1], of how much of the image shows.
        seen: told of each batch, its masks and what was read: no more than one batch is ever held.
    """
    step = min(batch_size(*image.shape[-2:], gradients=False), count)
    buffer = image.new_empty((step, *image.shape))
    read = []
    for i in range(0, count, step):
        progress.step(i / count, f"sample {i + 1} of {count}")
        masks = shown(i, min(i + step, count))
        room = buffer[: len(masks)]
        if masks.dtype == torch.bool:
            batch = torch.where(masks, image, hidden, out=room)
        else:
            batch = torch.lerp(hidden, image, masks, out=room)
        read.append(model(batch).softmax(1)[:, target])
        if seen is not None:
            seen(masks, read[-1])
    return torch.cat(read)
