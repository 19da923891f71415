"""Networks that come as programs: the kinds, and how they are opened without trusting them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from radar_core.models.exported_file import open_exported
from radar_core.models.script import open_script


@dataclass(frozen=True)
class Program:
    """A kind of program.

    Attributes:
        title: as a card names it in place of an architecture.
        suffix: of the stored file.
    """

    title: str
    suffix: str


PROGRAMS = {
    "export": Program("torch.export program", ".pt2"),
    "torchscript": Program("TorchScript program", ".torchscript"),
}


def open_program(path: Path, kind: str) -> tuple[nn.Module, int | None]:
    """A program as a module in evaluation mode, and the side of its images where it says that.

    Raises:
        BadModel: damaged, or it would do more than arithmetic on tensors.
    """
    digest = hashlib.sha256(path.read_bytes()).digest()
    if kind == "export":
        program = open_exported(path)
        program.register_buffer("digest", _as_tensor(digest))
        return program, program.side
    return Scripted(open_script(path), digest).eval(), None


class Scripted(nn.Module):
    """A TorchScript program among modules of Python."""

    def __init__(self, program: nn.Module, digest: bytes) -> None:
        super().__init__()
        self.program = program
        self.register_buffer("digest", _as_tensor(digest))

    def forward(self, images: Tensor) -> Any:
        return self.program(images)


def _as_tensor(digest: bytes) -> Tensor:
    """A file's hash among the weights, so that `Classifier.sha256` tells programs apart by it."""
    return torch.tensor(list(digest), dtype=torch.uint8)
