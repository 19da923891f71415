"""The images of a set, decoded ahead of the model and never held together."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from radar_core.data.base import Problem, pixels_sha256, to_image
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
    """Some images at the model's input size, their entries, and those that could not be read.

    `hashes` are those of the pixels, where they were asked for.
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.images: list[Tensor] = []
        self.hashes: list[str] = []
        self.problems: list[Problem] = []

    def __len__(self) -> int:
        return len(self.entries) + len(self.problems)


def batches(
    data: DataSet,
    entries: Sequence[Entry],
    model: Classifier,
    progress: Progress,
    *,
    most: int | None = None,
    hashed: bool = False,
    doing: str = "read",
    before: int = 0,
) -> Iterator[Batch]:
    """Prepared images of some entries, in order, a batch at a time.

    Threads decode and resize while the model reads the batch before; of the set, `AHEAD` batches
    and the one at hand are in memory. An image that cannot be read is named in its batch.

    Args:
        most: images a batch, where it is to be fewer than the device can take.
        hashed: also take the content hash of each image's pixels.
        doing: what becomes of the images, for the progress: so many of all *read*.
        before: images that this was done with earlier; the progress counts them.

    Raises:
        Cancelled: asked to stop; looked at for every image.
    """
    side = model.input_size
    most = most or (BATCH_CUDA if model.device.type == "cuda" else BATCH)
    size = min(most, batch_size(side, side, gradients=False))
    pool = ThreadPoolExecutor(_decoders(), thread_name_prefix="decode")
    waiting: deque[tuple[Entry, Future[tuple[Tensor, str]]]] = deque()
    coming = iter(entries)
    batch, done, total = Batch(), 0, before + len(entries)
    try:
        while True:
            while len(waiting) < (AHEAD + 1) * size and (entry := next(coming, None)) is not None:
                waiting.append((entry, pool.submit(_prepare, data, entry, model, hashed)))
            if not waiting:
                break
            there = before + done
            progress.step(there / total, f"{there:,} of {total:,} images {doing}")
            entry, image = waiting.popleft()
            try:
                prepared, digest = image.result()
                batch.images.append(prepared)
                batch.hashes.append(digest)
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


def _prepare(data: DataSet, entry: Entry, model: Classifier, hashed: bool) -> tuple[Tensor, str]:
    pixels = data.pixels(entry)
    digest = pixels_sha256(pixels) if hashed else ""
    with torch.no_grad():
        return model.prepare(to_image(pixels)), digest


def _decoders() -> int:
    """Threads that decode: all cores but the one that feeds the model, eight at most."""
    return max(1, min(8, (os.cpu_count() or 2) - 1))
