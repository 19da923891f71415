"""Whether an adversarial example outlives being saved as a picture."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from radar_core.models.classifier import Classifier
from radar_core.types import AttackResult, Reading, Saved

JPEG_QUALITY = 95


def png(images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 h w"]:
    """As an 8-bit PNG gives them back: every value at the nearest of 256 levels."""
    return (images * 255).round() / 255


def jpeg(images: Float[Tensor, "n 3 h w"], quality: int = JPEG_QUALITY) -> Float[Tensor, "n 3 h w"]:
    """As a JPEG gives them back (Pillow's encoder, its default 4:2:0 chroma)."""
    back = []
    for image in png(images).cpu():
        pixels = (image * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
        buffer.seek(0)
        with Image.open(buffer) as decoded:
            back.append(torch.from_numpy(np.array(decoded)).permute(2, 0, 1))
    return (torch.stack(back).float() / 255).to(images.device)


FORMATS: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType({"png": png, "jpeg95": jpeg})


def after_saving(model: Classifier, result: AttackResult) -> tuple[Mapping[str, Saved], ...]:
    """Read adversarial examples again after 8-bit rounding (`png`) and JPEG q95 (`jpeg95`).

    A flip that needs less than a grey level is lost to any file; measured on the RADAR-MIX code,
    none of its DeepFool and C&W examples outlived it.

    Returns:
        For each image, format → what became of it.
    """
    read = {
        name: model.read(write(result.images.to(model.device))) for name, write in FORMATS.items()
    }
    return tuple(
        {
            name: Saved(readings[i], _survives(result, i, readings[i]))
            for name, readings in read.items()
        }
        for i in range(len(result.images))
    )


def _survives(result: AttackResult, i: int, now: Reading) -> bool | None:
    before, flipped = result.readings_clean[i].label, result.readings_attacked[i].label
    if flipped == before or (result.targets and flipped != result.targets[i]):
        return None
    return now.label == result.targets[i] if result.targets else now.label != before
