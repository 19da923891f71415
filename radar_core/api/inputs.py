"""What the Python interface is given, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from radar_core.errors import BadImage, BadParameter
from radar_core.models.classifier import Classifier

Images = Tensor | Sequence[Tensor]
Names = str | Sequence[str | None] | None


def prepared(model: Classifier, images: Images) -> Float[Tensor, "n 3 s s"]:
    """Images as the model takes them, each checked first.

    Raises:
        BadImage: not float images with three channels and finite values in [0, 1], or none.
    """
    given = [images] if isinstance(images, Tensor) else list(images)
    for image in (i.detach() if isinstance(i, Tensor) else i for i in given):
        if not isinstance(image, Tensor):
            raise BadImage(
                f"an image is a float tensor (3, height, width), not a {type(image).__name__}"
            )
        if image.ndim not in (3, 4) or image.shape[-3] != 3 or 0 in image.shape[-2:]:
            raise BadImage(
                "an image has the shape (3, height, width), a batch (n, 3, height, width), "
                f"not {tuple(image.shape)}; give a grey image three equal channels"
            )
        if not image.is_floating_point():
            raise BadImage(f"an image holds floats in [0, 1], not {image.dtype}; divide by 255")
        if not bool(image.isfinite().all()):
            raise BadImage("an image holds finite values; this one holds NaN or infinity")
        if image.numel() and not (float(image.min()) >= 0 and float(image.max()) <= 1):
            raise BadImage(
                f"an image lies in [0, 1], this one in [{float(image.min()):g}, "
                f"{float(image.max()):g}]; divide by 255, or undo its normalisation"
            )
    if not sum(1 if image.ndim == 3 else len(image) for image in given):
        raise BadImage("give at least one image")
    return torch.cat([model.prepare(image.detach()) for image in given])


def as_tensor(values: Tensor | NDArray[Any]) -> Tensor:
    """A map or mask as a tensor on the CPU, as it is."""
    return torch.as_tensor(
        values.detach().cpu() if isinstance(values, Tensor) else np.asarray(values)
    )


def classes(model: Classifier, names: Names, count: int, what: str) -> list[int | None] | None:
    """Class names as logit numbers, one an image."""
    if names is None:
        return None
    if isinstance(names, int):
        raise BadParameter(f"{what} is a class by its name, not by a number ({names})")
    each = [names] * count if isinstance(names, str) else list(names)
    if len(each) != count:
        raise BadParameter(f"{len(each)} names given as {what} for {count} images")
    return [None if name is None else model.index(name) for name in each]
