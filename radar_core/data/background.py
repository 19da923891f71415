"""The fixed clean images that stand for *no evidence* in SHAP."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from radar_core.data.sampling import in_turn, readable
from radar_core.errors import BadData

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
    cases = readable(data, in_turn(data, SEED), count)
    return torch.stack([model.prepare(case.image)[0].cpu() for case in cases])
