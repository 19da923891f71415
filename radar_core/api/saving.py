"""Whether an adversarial example outlives being saved as a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from torch import Tensor

from radar_core.attacks.jpeg_compression import jpeg, png
from radar_core.models.classifier import Classifier
from radar_core.types import AttackResult, Reading, Saved

FORMATS: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {"png": png, "jpeg95": partial(jpeg, quality=95)}
)


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
