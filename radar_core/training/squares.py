"""Images of a split as 8-bit squares in a file: decoded once, never held in memory."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor, nn

from radar_core.data.base import DataSet, Problem
from radar_core.errors import BadData, BadImage, CannotWrite
from radar_core.models.classifier import Classifier
from radar_core.runtime import Progress

AHEAD = 8  # images decoded ahead by each reader


class Squares:
    """Squares of one size, in a file that nobody else sees and that is gone when this is.

    The file is read with single calls at an offset, not mapped: mapped pages would count as this
    process's memory and grow with the set.

    Args:
        folder: where the file lies; a scratch file of the system's where there is none.

    Attributes:
        labels: (n,) the class of each, by number.
        problems: images that could not be read, and were left out.
    """

    def __init__(
        self,
        data: DataSet,
        classes: Sequence[str],
        side: int,
        progress: Progress,
        *,
        folder: Path | None = None,
    ) -> None:
        self.side = side
        self._bytes = side * side * 3
        fit = Classifier(nn.Identity(), classes, cam_layer=None, input_size=side).prepare
        entries = [e for e in data.entries if e.label is not None]
        if unknown := sorted({str(e.label) for e in entries} - set(classes)):
            raise BadData(
                f"{data.name} has the class {', '.join(unknown)}, which the model does not know; "
                f"it knows {', '.join(classes)}"
            )

        def square(index: int) -> UInt8[Tensor, "s s 3"]:
            image = torch.from_numpy(np.ascontiguousarray(data.pixels(entries[index])))
            fitted = fit(image.permute(2, 0, 1).float() / 255)[0]
            return (fitted.cpu() * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous()

        labels, problems = [], []
        self._file: IO[bytes] = tempfile.TemporaryFile(  # noqa: SIM115  # open as long as this is
            dir=folder, buffering=0
        )
        try:
            for i, found in enumerate(_ahead(square, len(entries))):
                progress.step(i / len(entries), f"reading {data.title}: {i + 1} of {len(entries)}")
                try:
                    self._file.write(found.result().numpy().tobytes())
                except BadImage as error:
                    problems.append(Problem(entries[i].id, str(error)))
                    continue
                labels.append(classes.index(str(entries[i].label)))
        except OSError as error:
            self.close()
            raise CannotWrite(
                f"the images, {self._bytes * len(entries) / 2**20:.0f} MiB as they are trained on, "
                f"do not fit into {folder or tempfile.gettempdir()} ({error.strerror}); make room "
                "there or choose another folder"
            ) from None
        except BaseException:
            self.close()
            raise
        self.labels: Int64[Tensor, " n"] = torch.tensor(labels, dtype=torch.int64)
        self.problems = tuple(problems)

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, chosen: Sequence[int]) -> UInt8[Tensor, "n 3 s s"]:
        """Those squares, in that order; laid out channels last."""
        out = np.empty((len(chosen), self.side, self.side, 3), dtype=np.uint8)
        for row, index in zip(out, chosen, strict=True):
            got = os.pread(self._file.fileno(), self._bytes, index * self._bytes)
            row.reshape(-1)[:] = np.frombuffer(got, dtype=np.uint8)
        return torch.from_numpy(out).permute(0, 3, 1, 2)

    def batches(self, size: int) -> Iterator[UInt8[Tensor, "n 3 s s"]]:
        """All squares in order."""
        for i in range(0, len(self), size):
            yield self.read(range(i, min(i + size, len(self))))

    def close(self) -> None:
        """Give the file back."""
        self._file.close()


def _ahead(work: object, count: int) -> Iterator[Future[Tensor]]:
    """Results of `work(0)`, `work(1)`, … in order, a few of them made ahead by two threads."""
    assert callable(work)
    with ThreadPoolExecutor(2) as readers:
        waiting: list[Future[Tensor]] = []
        try:
            for i in range(count):
                waiting.append(readers.submit(work, i))
                if len(waiting) > AHEAD:
                    yield waiting.pop(0)
            yield from waiting
        finally:
            for future in waiting:
                future.cancel()
