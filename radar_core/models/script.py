"""TorchScript programs. Loading one runs its `__setstate__`: a file that has one is not loaded.

What is left is checked where nothing can be hidden, in the graphs that torch made of it: every
operation of every method must be on the list of `operations`, which has none that reads or writes.
Not `forward` alone: Python calls some by itself, such as `__len__`.
"""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from radar_core.errors import BadModel, first_line
from radar_core.models.archive import members
from radar_core.models.operations import SCRIPT

# What torch runs, or makes objects of its own of, while it loads; and hooks, which no graph shows.
RUNS = re.compile(rb"__setstate__|torch[\s\\]*\.[\s\\]*classes|__forward_(?:pre_)?hooks__")
KEPT = (
    "data/",
    "code/",
    "constants/",
    "data.pkl",
    "constants.pkl",
    "version",
    "byteorder",
    ".data/",
)


def open_script(path: Path) -> nn.Module:
    """A TorchScript program as a module, on the CPU, in evaluation mode.

    Raises:
        BadModel: damaged, or it would do more than arithmetic.
    """
    inside = {
        name: content
        for name, content in members(path).items()
        if name.startswith(KEPT) and not name.endswith(".debug_pkl")
    }
    for name, content in inside.items():
        if not name.startswith(("data/", "constants/")) and (found := RUNS.search(content)):
            raise BadModel(
                f"{path.name} has {found.group().decode()} in {name}, which runs while it is "
                "loaded: it was not loaded; export the network with torch.export.save instead"
            )
    buffer = io.BytesIO()  # what was looked at is what is loaded, whatever else reads the file
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in inside.items():
            archive.writestr(f"program/{name}", content)
    buffer.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # that TorchScript is deprecated
            module: Any = torch.jit.load(buffer, map_location="cpu")
        kinds = {node.kind() for graph in _graphs(module) for node in _nodes(graph)}
        has_forward = module._c._has_method("forward")
    except Exception as error:  # whatever a damaged or hostile file makes the reader raise
        raise BadModel(
            f"{path.name} is no TorchScript that can be loaded ({first_line(error)})"
        ) from None
    if not has_forward:
        raise BadModel(f"{path.name} has no method forward; save the network itself")
    if strange := sorted(kinds - SCRIPT):
        raise BadModel(
            f"{path.name} calls {', '.join(strange[:3])}, which is not on the list of what a "
            "program may do (docs/models.md): it was not run"
        )
    if not all(hasattr(part, "training") for part in module.modules()):
        raise BadModel(
            f"{path.name} is frozen: its weights cannot be told from its code; "
            "save the program before torch.jit.freeze"
        )
    program: nn.Module = module.eval()
    return program


def _graphs(module: Any) -> Iterator[Any]:
    """The graphs of all methods of a program, with what they call within."""
    for part in module.modules():
        for name in part._c._method_names():
            yield part._c._get_method(name).inlined_graph


def _nodes(block: Any) -> Iterator[Any]:
    for node in block.nodes():
        yield node
        for inner in node.blocks():
            yield from _nodes(inner)
