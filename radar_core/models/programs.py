"""Networks that come as programs: the kinds, and how they are opened without trusting them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import nn

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
    if kind == "export":
        program = open_exported(path)
        return program, program.side
    return open_script(path), None
