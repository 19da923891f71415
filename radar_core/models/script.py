"""TorchScript programs. Loading one runs its `__setstate__`: a file that has one is not loaded.

What is left is checked where nothing can be hidden, in the graph that torch made of it: every
operation must be on the list of `operations`, which has none that reads, writes or calls anything.
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

from radar_core.errors import BadModel
from radar_core.models.archive import members
from radar_core.models.operations import SCRIPT

# What torch runs, or makes objects of its own of, while it loads; and hooks, which no graph shows.
RUNS = re.compile(rb"__[gs]etstate__|torch[\s\\]*\.[\s\\]*classes|__forward_(?:pre_)?hooks__")
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
            module: nn.Module = torch.jit.load(buffer, map_location="cpu")
        graph = module.inlined_graph
    except Exception as error:  # whatever a damaged or hostile file makes the reader raise
        said = (str(error).strip().splitlines() or [type(error).__name__])[0][:140]
        raise BadModel(f"{path.name} is no TorchScript that can be loaded ({said})") from None
    kinds = {node.kind() for node in _nodes(graph)}
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
    return module.eval()


def _nodes(block: Any) -> Iterator[Any]:
    for node in block.nodes():
        yield node
        for inner in node.blocks():
            yield from _nodes(inner)
