"""A checkpoint as tables of tensors and the few facts beside them; no code of it runs."""

from __future__ import annotations

import argparse
import json
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from radar_core.errors import BadModel, MissingWeights

Kind = Literal["safetensors", "checkpoint", "torchscript", "export"]
# Where a checkpoint keeps its weights, the plain ones before averages of them.
CONTAINERS = (
    *("state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights"),
    *("params", "module", "state_dict_ema", "model_ema", "ema_state_dict", "ema"),
)
CLASSES = ("class_names", "classes", "labels", "label_names", "class_to_idx", "label2id")
CLASSES_BACK = ("idx_to_class", "id2label")
SIZES = ("input_size", "img_size", "image_size", "crop_size", "imgsz", "resolution")
NAMES = ("arch", "architecture", "model_name", "model_arch", "backbone", "encoder", "network")
INNER = ("hyper_parameters", "hparams", "config", "args", "meta", "pretrained_cfg", "cfg")


@dataclass(frozen=True, eq=False)
class Facts:
    """What a checkpoint says of itself beside its weights; None and () where it does not."""

    class_names: tuple[str, ...] = ()
    input_size: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    names: tuple[str, ...] = ()  # of the architecture, as whoever wrote it called it


@dataclass(frozen=True, eq=False)
class Contents:
    """What a file of weights holds.

    Attributes:
        kind: how it is written.
        tensors: by name.
        container: the key that they lay under, or "".
        others: keys of other tables of as many tensors, such as an average of these.
        facts: see `Facts`.
    """

    kind: Kind
    tensors: Mapping[str, Tensor] = field(repr=False)
    container: str
    facts: Facts
    others: tuple[str, ...] = ()


def kind_of(path: Path) -> Kind:
    """How a file is written, by its content: a name proves nothing.

    Raises:
        MissingWeights: no such file.
        BadModel: none of the kinds.
    """
    if not path.is_file():
        raise MissingWeights(f"no file at {path}; give a checkpoint, a .safetensors or a program")
    with path.open("rb") as file:
        head = file.read(16)
    if head[:2] == b"PK":
        try:
            with zipfile.ZipFile(path) as archive:
                inside = {name.partition("/")[2] for name in archive.namelist()}
        except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
            raise BadModel(
                f"{path.name} is cut short or damaged ({error}); copy it again"
            ) from None
        if "archive_format" in inside or "serialized_exported_program.json" in inside:
            return "export"
        if any(name.startswith("code/") for name in inside) or "constants.pkl" in inside:
            return "torchscript"
        if "data.pkl" in inside:
            return "checkpoint"
        raise BadModel(f"{path.name} is a zip archive that holds no model")
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= path.stat().st_size:
        return "safetensors"
    if head[:1] == b"\x80":  # torch's old way, one pickle after another
        return "checkpoint"
    raise BadModel(
        f"{path.name} is no model: it begins neither as safetensors nor as a torch checkpoint or "
        "program; a file that a download cut short, or a web page in its place, looks like that"
    )


def read_weights(path: Path, kind: Kind) -> Contents:
    """The tensors of a `safetensors` or `checkpoint` file, and what stands beside them.

    Raises:
        BadModel: damaged, no table of weights, or holding more than weights-only reading takes.
    """
    if kind == "safetensors":
        tensors, said = _safetensors(path)
        return Contents(kind, tensors, "", facts([said, *_beside(path)]))
    whole = _checkpoint(path)
    if isinstance(whole, Mapping):
        tables = dict(_tables(whole))
        key = max(tables, key=lambda key: len(tables[key]))  # the first of equals: no average
        count = len(tables[key])
        others = tuple(k for k in tables if k != key and len(tables[k]) == count)
        if count:
            return Contents(kind, tables[key], key, facts([whole, *_beside(path)]), others)
    keys = ", ".join(map(str, list(whole)[:8])) if isinstance(whole, Mapping) else type(whole)
    raise BadModel(
        f"{path.name} holds no table of weights (found: {keys}); "
        "save one with torch.save(model.state_dict(), FILE)"
    )


def _safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, "pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # no dict
            return tensors, dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise BadModel(f"{path.name} is not a readable safetensors file ({error})") from None


def _checkpoint(path: Path) -> Any:
    """What torch's weights-only reader makes of a file: it builds tensors and plain values."""
    try:
        with (
            path.open("rb") as file,  # torch would judge a path by its name
            warnings.catch_warnings(),
            torch.serialization.safe_globals([argparse.Namespace]),
        ):
            warnings.simplefilter("ignore")
            return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a hostile or damaged file makes the reader raise
        found = re.search(r"GLOBAL ([\w.]+)|[Uu]nsupported (?:global|class) ([\w.]+)", str(error))
        if found is None:
            said = " ".join(str(error).split())[:120] or type(error).__name__
            raise BadModel(
                f"{path.name} is damaged, or no checkpoint that weights-only reading takes "
                f"({said}); copy it again, or save its state_dict anew"
            ) from None
        wanted = next(filter(None, found.groups()))
        raise BadModel(
            f"{path.name} holds more than weights: it asks for {wanted}, which could run code, so "
            "it was not opened; if you trust whoever made it, take its weights out where it came "
            'from: torch.save(torch.load(FILE, weights_only=False)["state_dict"], "weights.pt")'
        ) from None


def _tables(whole: Mapping[Any, Any]) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """The state dicts in a checkpoint, by the keys that lead to them: within one or two others."""
    yield "", _table(whole)
    for key in CONTAINERS:
        inside = whole.get(key)
        yield key, _table(inside)
        if isinstance(inside, Mapping):
            for deeper in CONTAINERS:
                yield f"{key}.{deeper}", _table(inside.get(deeper))


def _table(given: Any) -> dict[str, Tensor]:
    """A state dict among other things: its tensors, where it has at least one matrix or kernel."""
    if not isinstance(given, Mapping):
        return {}
    tensors = {str(k): v for k, v in given.items() if isinstance(v, Tensor)}
    return tensors if any(v.ndim >= 2 for v in tensors.values()) else {}


def _beside(path: Path) -> Iterator[Mapping[str, Any]]:
    """The config.json that model hubs put beside weights."""
    try:
        said = json.loads(path.with_name("config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    if isinstance(said, dict):
        yield said


def facts(sources: Sequence[Mapping[Any, Any]]) -> Facts:
    """The facts in tables, the outer before the inner."""
    tables: list[Mapping[Any, Any]] = []
    waiting = list(sources)
    while waiting and len(tables) < 32:
        table = waiting.pop(0)
        tables.append(table)
        for key in INNER:
            inner = table.get(key)
            if isinstance(inner, argparse.Namespace):
                inner = vars(inner)
            if isinstance(inner, Mapping):
                waiting.append(inner)

    def first(keys: Sequence[str], read: Any) -> Any:
        found = (read(table[key]) for table in tables for key in keys if key in table)
        return next((value for value in found if value), None)

    words = (table[key] for table in tables for key in NAMES if isinstance(table.get(key), str))
    return Facts(
        class_names=first(CLASSES, _class_names) or first(CLASSES_BACK, _by_index) or (),
        input_size=first(SIZES, _side),
        mean=first(("mean",), _three),
        std=first(("std",), lambda value: three if min(three := _three(value) or (0,)) > 0 else ()),
        names=tuple(dict.fromkeys(words)),
    )


def _class_names(value: Any) -> tuple[str, ...]:
    if isinstance(value, Mapping):
        return _by_index({index: name for name, index in value.items()})
    if isinstance(value, list | tuple) and all(isinstance(name, str) for name in value):
        return tuple(value)
    return ()


def _by_index(value: Any) -> tuple[str, ...]:
    if not isinstance(value, Mapping):
        return ()
    try:
        ordered = {int(index): str(name) for index, name in value.items()}
    except (TypeError, ValueError):
        return ()
    return (
        tuple(ordered[i] for i in sorted(ordered))
        if set(ordered) == set(range(len(ordered)))
        else ()
    )


def _side(value: Any) -> int | None:
    last = value[-1] if isinstance(value, list | tuple) and value else value
    return last if isinstance(last, int) and 16 <= last <= 2048 else None


def _three(value: Any) -> tuple[float, ...]:
    good = isinstance(value, list | tuple) and len(value) == 3
    return (
        tuple(map(float, value)) if good and all(isinstance(v, float | int) for v in value) else ()
    )
