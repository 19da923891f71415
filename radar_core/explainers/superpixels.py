"""What LIME and KernelSHAP share: superpixels, designs of masks, sampling until a ranking holds.

Masks come in blocks. A block is an orthogonal array: a Hadamard matrix and its complement, so that
each superpixel is hidden in half of the masks, each pair of them in a quarter, and interactions of
two hardly reach the estimate of any one (a fold-over design of resolution IV: Box & Hunter 1961;
as coalitions, the paired sampling of Covert & Lee 2021). Which column stands for which superpixel,
its sign and the order of the masks are drawn, so that any one mask is as random as before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64
from numpy.typing import NDArray
from scipy.linalg import hadamard
from skimage.segmentation import slic
from torch import Tensor

from radar_core.explainers import Attribution
from radar_core.explainers.masking import hidden_content, read_masked
from radar_core.models.classifier import Classifier
from radar_core.params import field_range
from radar_core.runtime import Progress

SHOWN = 5  # superpixels that people look at, as the paper's figures

Masks = NDArray[np.bool_]
Coefficients = Float64[np.ndarray, " m"]
Fit = Callable[[Masks, Float64[np.ndarray, " s"]], tuple[Coefficients, dict[str, Any]]]


def field_samples(default: int = 384) -> Any:
    """The control of how many masks are read at most."""
    return field_range(
        default,
        32,
        10_000,
        step=32,
        title="Samples at most",
        help="readings an image; sampling stops before, once the five strongest superpixels hold",
    )


def superpixels(image: Float[Tensor, "3 h w"], wanted: int) -> Int64[Tensor, "h w"]:
    """SLIC superpixels, numbered from 0 without gaps, on the image's device."""
    pixels = image.permute(1, 2, 0).cpu().double().numpy()
    found = slic(pixels, n_segments=wanted, compactness=10, sigma=1, start_label=0)
    _, numbered = np.unique(found, return_inverse=True)
    return torch.from_numpy(numbered.reshape(found.shape)).long().to(image.device)


def orthogonal_block(count: int, generator: torch.Generator) -> Bool[Tensor, "s m"]:
    """Masks of `count` superpixels: a Hadamard design, each mask followed by its complement."""
    side = 1 << count.bit_length()  # the smallest power of two with a column to spare
    design = torch.from_numpy(hadamard(side) > 0)
    columns = torch.randperm(side - 1, generator=generator)[:count] + 1  # the first is constant
    signs = torch.rand(count, generator=generator) < 0.5
    half = (design[:, columns] ^ signs)[torch.randperm(side, generator=generator)]
    return torch.stack([half, ~half], dim=1).flatten(0, 1)


def top(coefficients: Coefficients) -> frozenset[int]:
    """The superpixels with the five largest magnitudes."""
    return frozenset(np.argsort(-np.abs(coefficients), kind="stable")[:SHOWN].tolist())


def agreement(one: Coefficients, other: Coefficients) -> float:
    """IoU of the five strongest superpixels of two fits."""
    return len(top(one) & top(other)) / len(top(one) | top(other))


def read_superpixels(
    model: Classifier,
    image: Float[Tensor, "3 h w"],
    hidden: Float[Tensor, "3 h w"],
    segments: Int64[Tensor, "h w"],
    masks: Bool[Tensor, "s m"],
    target: int,
    progress: Progress,
) -> Float64[np.ndarray, " s"]:
    """The target's probability where the superpixels that a mask does not keep are hidden."""
    kept = masks.to(image.device)
    read = read_masked(
        model, image, hidden, lambda i, j: kept[i:j, None, segments], len(kept), target, progress
    )
    return read.cpu().double().numpy()


def explain_superpixels(
    model: Classifier,
    images: Float[Tensor, "n 3 h w"],
    targets: Int64[Tensor, " n"],
    *,
    wanted: int,
    hide: str,
    cap: int,
    draw: Callable[[int], Bool[Tensor, "s m"]],
    step: int | None = None,
    hold: int = 1,
    ends: bool,
    fit: Fit,
    progress: Progress,
) -> Attribution:
    """A coefficient for each superpixel of the first image, in every image.

    After a first block, masks are read until some more leave the five strongest superpixels of the
    first image what they were, or the cap is reached; all other images are given those masks.

    Args:
        draw: for a number of superpixels, the next block of masks.
        step: how many more at a time; None: a block.
        hold: how many times in turn they have to leave the five as they were.
        ends: whether the whole image and the wholly hidden one are read first.
        fit: from masks and readings, the coefficients and what is to be stated of them.
    """
    segments = superpixels(images[0], wanted)
    hidden = hidden_content(images[0], segments, hide)
    count = int(segments.max()) + 1
    first = torch.tensor([[True], [False]]).expand(2, count)

    def read(k: int, masks: Tensor, part: Progress) -> NDArray[np.float64]:
        return read_superpixels(model, images[k], hidden, segments, masks, int(targets[k]), part)

    masks, values = [first] if ends else [], []
    size = 2 if ends else 0
    if ends:
        values.append(read(0, first, progress.part(0, 0.01)))
    before, held, stable = None, 0, False
    waiting = draw(count)
    while size < cap and not stable:
        some = len(waiting) if before is None or step is None else step
        block, waiting = waiting[: min(some, cap - size)], waiting[some:]
        if not len(waiting):
            waiting = draw(count)
        low = size / cap / len(images)
        part = progress.part(low, low + len(block) / cap / len(images))
        masks.append(block)
        values.append(read(0, block, part))
        size += len(block)
        now = top(fit(torch.cat(masks).numpy(), np.concatenate(values))[0])
        held = held + 1 if now == before else 0
        # The readings of one superpixel alone, hidden or not, have no ranking to wait for.
        stable = held == hold or count == 1
        before = now
    used = torch.cat(masks)
    readings = [np.concatenate(values)]
    for k in range(1, len(images)):
        part = progress.part(k / len(images), (k + 1) / len(images))
        readings.append(read(k, used, part))
    maps, facts = torch.zeros_like(images[:, 0]), []
    for k, found in enumerate(readings):
        coefficients, said = fit(used.numpy(), found)
        maps[k] = torch.from_numpy(coefficients).to(maps)[segments]
        facts.append({**said, "halves_agree": _halves(used.numpy(), found, fit, 2 * ends)})
    stated = {"samples": size, "stable": stable, "superpixels": count, "of_samples": cap}
    return Attribution(maps, {**stated, **{key: [f[key] for f in facts] for key in facts[0]}})


def _halves(masks: Masks, read: NDArray[np.float64], fit: Fit, ends: int) -> float:
    """How well the five strongest of two fits agree, each on half of the mask pairs."""
    pairs = np.arange(len(masks) - ends) // 2
    halves = [np.concatenate([np.ones(ends, bool), pairs % 2 == side]) for side in (0, 1)]
    return agreement(*(fit(masks[half], read[half])[0] for half in halves))
