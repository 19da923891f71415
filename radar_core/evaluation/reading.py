"""The images of a set, decoded ahead of the model and never held together."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from radar_core.data.base import Problem, to_image
from radar_core.errors import BadImage
from radar_core.runtime import Progress, batch_size

if TYPE_CHECKING:
    from radar_core.data import DataSet
    from radar_core.models.classifier import Classifier
    from radar_core.types import Entry

BATCH = 32  # enough to keep two cores or a small GPU busy, few enough to stop soon
BATCH_CUDA = 128
AHEAD = 2  # batches decoded before they are asked for


class Batch:
    """Some images at the model's input size, their entries, and those that could not be read."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.images: list[Tensor] = []
        self.problems: list[Problem] = []

    def __len__(self) -> int:
        return len(self.entries) + len(self.problems)


def batches(
    data: DataSet, entries: Sequence[Entry], model: Classifier, progress: Progress
) -> Iterator[Batch]:
    """Prepared images of some entries, in order, a batch at a time.

    Threads decode and resize while the model reads the batch before; of the set, `AHEAD` batches
    and the one at hand are in memory. An image that cannot be read is named in its batch.

    Raises:
        Cancelled: asked to stop; looked at for every image.
    """
    side = model.input_size
    most = BATCH_CUDA if model.device.type == "cuda" else BATCH
    size = min(most, batch_size(side, side, gradients=False))
    pool = ThreadPoolExecutor(_decoders(), thread_name_prefix="decode")
    waiting: deque[tuple[Entry, Future[Tensor]]] = deque()
    coming = iter(entries)
    batch, done = Batch(), 0
    try:
        while True:
            while len(waiting) < (AHEAD + 1) * size and (entry := next(coming, None)) is not None:
                waiting.append((entry, pool.submit(_prepare, data, entry, model)))
            if not waiting:
                break
            progress.step(done / len(entries), f"{done:,} of {len(entries):,} images read")
            entry, image = waiting.popleft()
            try:
                batch.images.append(image.result())
                batch.entries.append(entry)
            except BadImage as error:
                batch.problems.append(Problem(entry.id, str(error)))
            done += 1
            if len(batch) == size:
                yield batch
                batch = Batch()
        if len(batch):
            yield batch
    finally:
        pool.shutdown(cancel_futures=True)


def _prepare(data: DataSet, entry: Entry, model: Classifier) -> Tensor:
    with torch.no_grad():
        return model.prepare(to_image(data.pixels(entry)))


def _decoders() -> int:
    """Threads that decode: all cores but the one that feeds the model, eight at most."""
    return max(1, min(8, (os.cpu_count() or 2) - 1))
