"""torch.export programs, read as data.

`torch.export.load` unpickles constants, evaluates expressions as Python, and looks up any attribute
of torch that a file names. So it is not used: the archive is read here, and each operation is
looked up among those of `operations`.
"""

from __future__ import annotations

import io
import json
import operator
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from radar_core.errors import BadModel
from radar_core.models.archive import members
from radar_core.models.exported import Block, Device, Exported, Name, Step
from radar_core.models.operations import CHECKS, TENSOR

TARGET = re.compile(r"torch\.ops\.aten\.(\w+)\.(\w+)")
# As the archive numbers them (torch/_export/serde/schema.py).
DTYPES = {
    **{1: torch.uint8, 2: torch.int8, 3: torch.int16, 4: torch.int32, 5: torch.int64},
    **{6: torch.float16, 7: torch.float32, 8: torch.float64, 12: torch.bool, 13: torch.bfloat16},
}
FORMATS = {1: torch.contiguous_format, 2: torch.channels_last, 4: torch.preserve_format}
# How a value that is no tensor is read.
VALUES: dict[str, Callable[[Any], Any]] = {
    **{f"as_{kind}": lambda value: value for kind in ("int", "float", "bool", "string")},
    **{f"as_{kind}s": list for kind in ("int", "float", "bool")},
    "as_none": lambda _: None,
    "as_scalar_type": DTYPES.__getitem__,
    "as_memory_format": FORMATS.__getitem__,
    "as_layout": lambda _: torch.strided,
    "as_device": lambda _: Device(),
}
ARITHMETIC = "add sub mul floordiv truediv mod neg getitem eq ne lt le gt ge"
SIZES: dict[str, Callable[..., Any]] = {
    **{f"_operator.{name}": getattr(operator, name) for name in ARITHMETIC.split()},
    "torch.sym_max": max,
    "torch.sym_min": min,
    "torch.sym_not": operator.not_,
    "math.ceil": lambda value: -int(-value // 1),
    "math.floor": lambda value: int(value // 1),
    "math.trunc": int,
}
# By the functions that rules of the backward pass know (`explainers/backward_rules.py`).
KNOWN: dict[str, Callable[..., Any]] = {
    **{name: getattr(F, name) for name in ("relu", "leaky_relu", "elu", "selu", "celu", "gelu")},
    **{name: getattr(F, name) for name in ("silu", "mish", "softplus", "hardtanh", "hardswish")},
    **{name: getattr(F, name) for name in ("hardsigmoid", "relu6", "prelu", "max_pool2d")},
    **{name: getattr(torch, name) for name in ("relu_", "sigmoid", "sigmoid_", "tanh", "tanh_")},
    "silu_": lambda value: F.silu(value, inplace=True),
    "hardswish_": lambda value: F.hardswish(value, inplace=True),
    "hardsigmoid_": lambda value: F.hardsigmoid(value, inplace=True),
    "hardtanh_": lambda value, low=-1.0, high=1.0: F.hardtanh(value, low, high, inplace=True),
}


def open_exported(path: Path) -> Exported:
    """A torch.export program as a module, on the CPU.

    Raises:
        BadModel: damaged, of a version that is laid out otherwise, or it would do more than
            arithmetic on tensors.
    """
    inside = members(path)
    programs = [n for n in inside if n.startswith("models/") and n.endswith(".json")]
    if len(programs) != 1:
        raise BadModel(
            f"{path.name} holds {len(programs)} programs, not one, or was written by a torch "
            "before 2.8; load it there and write it anew with torch.export.save"
        )
    try:
        said = json.loads(inside[programs[0]])
        return _read(path, said, inside, programs[0][len("models/") : -len(".json")])
    except BadModel:
        raise
    except (KeyError, IndexError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise BadModel(
            f"{path.name} is damaged, or laid out as this does not know ({error!r:.140}); "
            f"write it with torch.export.save of torch {torch.__version__.split('+')[0]}"
        ) from None


def _read(path: Path, said: Mapping[str, Any], inside: Mapping[str, bytes], model: str) -> Exported:
    module = said["graph_module"]
    graph, signature = module["graph"], module["signature"]
    weights = _tensors(path, inside, "data/weights/", f"{model}_weights_config.json")
    constants = _tensors(path, inside, "data/constants/", f"{model}_constants_config.json")
    tensors: dict[str, Tensor] = {}
    given: list[str] = []
    for spec in signature["input_specs"]:
        ((kind, what),) = spec.items()
        if kind == "user_input":
            given.append(what["arg"]["as_tensor"]["name"])
        elif kind in ("parameter", "buffer", "tensor_constant"):
            tensors[what["arg"]["name"]] = {**constants, **weights}[what[f"{kind}_name"]]
        else:
            raise BadModel(f"{path.name} wants an input of the kind {kind}; it should take images")
    outputs = [spec.get("user_output") for spec in signature["output_specs"]]
    if len(outputs) != 1 or outputs[0] is None:
        raise BadModel(
            f"{path.name} gives more than logits, or changes its own weights; export the network "
            "after .eval(), with one output"
        )
    if len(given) != 1:
        raise BadModel(f"{path.name} takes {len(given)} inputs; it should take one batch of images")
    result = outputs[0]["arg"]["as_tensor"]["name"]
    size = graph["tensor_values"][given[0]]["sizes"][-1].get("as_int")
    nodes = [node for node in graph["nodes"] if not _is_check(node["target"])]
    blocks, ends = _blocks(nodes)
    last_read = _last_reads(nodes, keep=result)
    steps = [
        _step(path, node, ends.get(place, ()), last_read.get(place, ()))
        for place, node in enumerate(nodes)
    ]
    return Exported(steps, tensors, given[0], result, size, blocks).eval()


def _is_check(target: str) -> bool:
    found = TARGET.fullmatch(target)
    return found is not None and found.group(1) in CHECKS


def _step(
    path: Path, node: Mapping[str, Any], layers: tuple[str, ...], done: tuple[str, ...]
) -> Step:
    call = _operation(path, node["target"])
    positional = [_arg(path, i["arg"]) for i in node["inputs"] if i.get("kind", 1) != 2]
    named = {i["name"]: _arg(path, i["arg"]) for i in node["inputs"] if i.get("kind", 1) == 2}
    return Step(call, tuple(positional), named, _results(node), layers, done)


def _operation(path: Path, target: str) -> Callable[..., Any]:
    """What a name in the file means; only what is listed means anything."""
    if target in SIZES:
        return SIZES[target]
    if "wrap_with_set_grad_enabled" in target:
        raise BadModel(
            f"{path.name} was exported within torch.no_grad(), so no gradient reaches its image; "
            "export it without"
        )
    found = TARGET.fullmatch(target)
    if found is not None and found.groups() in (("sym_size", "int"), ("size", "int")):
        return lambda tensor, dim: tensor.shape[dim]
    if found is None or found.group(1) not in TENSOR:
        raise BadModel(
            f"{path.name} calls {target[:80]}, which is not on the list of what a program may do "
            "(docs/models.md): it was not run"
        )
    name, overload = found.groups()
    if name in KNOWN and overload == "default":
        return KNOWN[name]
    if (name, overload) == ("mul", "Tensor"):
        return torch.mul
    operation: Callable[..., Any] = getattr(getattr(torch.ops.aten, name), overload)
    return operation


def _arg(path: Path, said: Mapping[str, Any]) -> Any:
    """An argument of an operation: a value, or the name of one."""
    ((kind, value),) = said.items()
    if kind in ("as_tensor", "as_sym_int", "as_sym_bool", "as_sym_float"):
        ((said_as, inner),) = value.items()
        return Name(inner) if said_as in ("name", "as_name") else inner
    if kind == "as_optional_tensors":
        return [_arg(path, item) for item in value]
    if kind in ("as_tensors", "as_sym_ints", "as_sym_bools"):
        return [_arg(path, {kind[:-1]: item}) for item in value]
    if kind not in VALUES:
        raise BadModel(f"{path.name} gives an operation {kind[3:]}, which only code could read")
    return VALUES[kind](value)


def _results(node: Mapping[str, Any]) -> tuple[Any, ...]:
    found: list[Any] = []
    for output in node["outputs"]:
        ((kind, value),) = output.items()
        if kind in ("as_tensors", "as_optional_tensors"):
            found.append(tuple(_name(item) for item in value))
        else:
            found.append(_name(value))
    return tuple(found)


def _name(value: Any) -> str:
    if not isinstance(value, Mapping):
        return ""
    inner = value.get("as_tensor", value)
    return str(inner.get("name", inner.get("as_name", ""))) if isinstance(inner, Mapping) else ""


def _stack(node: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The blocks around an operation, outer before inner: path and class."""
    text = node.get("metadata", {}).get("nn_module_stack", "")
    found = [tuple(part.split(",")[1:3]) for part in text.split(";") if part.count(",") >= 2]
    good = re.compile(r"\w+(\.\w+)*")
    return [(path, kind) for path, kind in found if good.fullmatch(path)]


def _blocks(
    nodes: Sequence[Mapping[str, Any]],
) -> tuple[dict[str, Block], dict[int, tuple[str, ...]]]:
    """The network's blocks, and after which operation each ends, the inner before the outer."""
    blocks: dict[str, Block] = {}
    end: dict[str, int] = {}
    for place, node in enumerate(nodes):
        if len(node["outputs"]) != 1 or "as_tensor" not in node["outputs"][0]:
            continue
        stack = _stack(node)
        for path, kind in stack:
            blocks.setdefault(path, Block(kind.rpartition(".")[2]))
            end[path] = place
        if stack and re.search(r"\.(conv2d|convolution)\.", node["target"]):
            blocks[stack[-1][0]].convolutional = True
    ends: dict[int, tuple[str, ...]] = {}
    for path in sorted(end, key=lambda path: -path.count(".")):
        ends[end[path]] = (*ends.get(end[path], ()), path)
    ordered = sorted(blocks, key=lambda path: path.count("."))  # a block before those within it
    return {path: blocks[path] for path in ordered}, ends


def _last_reads(nodes: Sequence[Mapping[str, Any]], keep: str) -> dict[int, tuple[str, ...]]:
    """Which values nothing reads after each operation, so that they need not be held."""
    last: dict[str, int] = {}
    for place, node in enumerate(nodes):
        for name in re.findall(r"'(?:as_)?name': '(\w+)'", repr(node["inputs"])):
            last[name] = place
    done: dict[int, tuple[str, ...]] = {}
    for name, place in last.items():
        if name != keep:
            done[place] = (*done.get(place, ()), name)
    return done


def _tensors(
    path: Path, inside: Mapping[str, bytes], folder: str, config: str
) -> dict[str, Tensor]:
    """The tensors of a folder of the archive, by name; none of its code runs."""
    found: dict[str, Tensor] = {}
    for name, said in json.loads(inside[folder + config])["config"].items():
        raw = inside[folder + said["path_name"]]
        if said["use_pickle"]:
            tensor = _weights_only(path, name, raw)
        else:
            meta = said["tensor_meta"]
            sizes, strides = ([s["as_int"] for s in meta[key]] for key in ("sizes", "strides"))
            flat = torch.frombuffer(bytearray(raw), dtype=DTYPES[meta["dtype"]]) if raw else None
            offset = meta["storage_offset"]["as_int"]
            tensor = (
                torch.zeros(sizes, dtype=DTYPES[meta["dtype"]])
                if flat is None
                else flat.as_strided(sizes, strides, offset).clone()
            )
        is_weight = said["is_param"] and tensor.is_floating_point()
        found[name] = nn.Parameter(tensor) if is_weight else tensor
    return found


def _weights_only(path: Path, name: str, raw: bytes) -> Tensor:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = torch.load(io.BytesIO(raw), map_location="cpu", weights_only=True)
    except Exception:  # whatever a hostile file makes the reader raise
        value = None
    if not isinstance(value, Tensor):
        raise BadModel(
            f"{path.name} holds {name} as a pickle of more than a tensor, which could run code: it "
            "was not opened"
        )
    return value.detach()
