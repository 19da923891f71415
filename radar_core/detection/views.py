"""Benign variants of an image: squeezers that wash small changes out, and copies with noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

BITS = 5
WINDOW, PATCH, STRENGTH = 11, 3, 4 / 255  # of non-local means, as Xu et al. 2018 for photographs
COPIES, SIGMA = 8, 4 / 255  # noise that does not change what a model reads in a clean image


def depth(images: Float[Tensor, "n 3 h w"], bits: int = BITS) -> Float[Tensor, "n 3 h w"]:
    """Every value at the nearest of 2^bits levels. Source: Xu et al. 2018, section II-A."""
    levels = 2**bits - 1
    found: Tensor = (images * levels).round() / levels
    return found


def median(images: Float[Tensor, "n 3 h w"], size: int = 3) -> Float[Tensor, "n 3 h w"]:
    """The median of each value's surroundings, edges mirrored. Source: Xu et al. 2018, II-B.

    Args:
        size: side of the square in pixels, odd.
    """
    count, channels, height, width = images.shape
    padded = F.pad(images, [size // 2] * 4, mode="reflect")
    patches = F.unfold(padded.reshape(count * channels, 1, *padded.shape[-2:]), size)
    return patches.median(1).values.reshape(count, channels, height, width)


def non_local_means(
    images: Float[Tensor, "n 3 h w"],
    window: int = WINDOW,
    patch: int = PATCH,
    strength: float = STRENGTH,
) -> Float[Tensor, "n 3 h w"]:
    """Each pixel as the mean of those around it, by how alike their patches are.

    Weights are exp(−d / h²), d the mean squared difference of two patches over pixels and channels.
    Source: Buades et al. 2005, eq. 1 to 3, with uniform patches; as a squeezer Xu et al. 2018,
    II-B.

    Args:
        window, patch: sides in pixels, odd. strength: h, in [0, 1] pixels.
    """
    reach, inner = window // 2, patch // 2
    height, width = images.shape[-2:]
    padded = F.pad(images, [reach + inner] * 4, mode="reflect")
    side = slice(reach, reach + height + 2 * inner), slice(reach, reach + width + 2 * inner)
    own = padded[..., side[0], side[1]]
    total = torch.zeros_like(images)
    weights = torch.zeros_like(images[:, :1])
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            top, left = reach + down, reach + right
            shifted = padded[..., top : top + height + 2 * inner, left : left + width + 2 * inner]
            squares = (own - shifted).square().mean(1, keepdim=True)
            weight = torch.exp(-F.avg_pool2d(squares, patch, stride=1) / strength**2)
            here = shifted[..., inner : inner + height, inner : inner + width]
            total += weight * here
            weights += weight
    return total / weights


SQUEEZERS: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {"bits": depth, "median": median, "nlm": non_local_means}
)
TITLES = MappingProxyType(
    {
        "bits": f"{BITS} bits a channel",
        "median": "3 × 3 median",
        "nlm": "non-local means",
    }
)


def copies(
    images: Float[Tensor, "n 3 h w"], generator: torch.Generator, count: int = COPIES
) -> Float[Tensor, "v n 3 h w"]:
    """Each image with Gaussian noise added, cut to [0, 1]; all images share the draws."""
    noise = torch.randn((count, 1, *images.shape[1:]), generator=generator) * SIGMA
    return (images + noise.to(images.device)).clamp(0, 1)
