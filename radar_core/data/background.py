"""The fixed clean images that stand for *no evidence* in SHAP."""

from __future__ import annotations

import contextlib
import random
from typing import TYPE_CHECKING

from radar_core.errors import BadData, BadImage

if TYPE_CHECKING:
    from torch import Tensor

    from radar_core.data.base import DataSet
    from radar_core.models.classifier import Classifier

SEED = 43


def background_images(data: DataSet, model: Classifier, count: int = 16) -> Tensor:
    """(count, 3, s, s) clean images at the model's input size, the same for all cases of a set.

    Taken from the training split where there is one, else from all entries: classes in turn,
    within a class in an order drawn once from a fixed seed. Unreadable images are passed over.

    Raises:
        BadData: not one readable image.
    """
    import torch

    with contextlib.suppress(BadData):  # a set without splits: its own images serve
        data = data.split("train")
    by_class: dict[str | None, list[int]] = {}
    for index, entry in enumerate(data.entries):
        by_class.setdefault(entry.label, []).append(index)
    draw = random.Random(SEED)
    for indices in by_class.values():
        draw.shuffle(indices)
    queues = [by_class[label] for label in sorted(by_class, key=str)]
    order = [queue[i] for i in range(len(data)) for queue in queues if i < len(queue)]
    images: list[Tensor] = []
    for index in order:
        if len(images) == count:
            break
        try:
            images.append(model.prepare(data[index].image)[0].cpu())
        except BadImage:
            continue
    if not images:
        raise BadData(f"{data.name} has no readable image to stand for the background")
    return torch.stack(images)
