"""An exported network as a module: a list of operations, gone through one by one.

Gradients flow, sizes stay free, and every block of the network is a layer that Grad-CAM can look
at. `exported_file` makes it from a file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn


@dataclass(frozen=True)
class Step:
    """One operation: what it is given by name or value, and what its results are called."""

    call: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    results: tuple[Any, ...]  # names; a tuple of names for a list
    layers: tuple[str, ...]  # that end here
    done: tuple[str, ...]  # names that nothing reads afterwards


@dataclass(frozen=True)
class Name:
    """Stands for a value that is computed."""

    name: str


class Device:
    """Stands for the device of the images, whatever machine the program was exported on."""


class Block(nn.Module):
    """A block of the exported network: what it gives goes through here, for those who watch."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.convolutional = False

    def forward(self, value: Any) -> Any:
        return value


class Exported(nn.Module):
    """A torch.export program as a module; `side` is that of its images, where it fixes one."""

    def __init__(
        self,
        steps: Sequence[Step],
        tensors: Mapping[str, Tensor],
        given: str,
        result: str,
        side: int | None,
        blocks: Mapping[str, Block],
    ) -> None:
        super().__init__()
        self.steps, self.given, self.result, self.side = tuple(steps), given, result, side
        self.places: dict[str, str] = {}
        for place, (name, tensor) in enumerate(tensors.items()):
            self.places[name] = f"tensor_{place}"
            if isinstance(tensor, nn.Parameter):
                self.register_parameter(f"tensor_{place}", tensor)
            else:
                self.register_buffer(f"tensor_{place}", tensor)
        self.network = Block("")
        self.blocks: dict[str, Block] = {}  # a dict of modules is not registered twice
        for path, block in blocks.items():
            at = self.network
            for word in path.split(".")[:-1]:
                if word not in at._modules:
                    at.add_module(word, Block(""))
                at = at.get_submodule(word)  # type: ignore[assignment]
            at.add_module(path.rpartition(".")[2], block)
            self.blocks[path] = block

    def forward(self, images: Tensor) -> Tensor:
        held: dict[str, Any] = {name: getattr(self, place) for name, place in self.places.items()}
        held[self.given] = images
        for step in self.steps:
            made = step.call(
                *(_value(arg, held, images) for arg in step.args),
                **{key: _value(arg, held, images) for key, arg in step.kwargs.items()},
            )
            results = step.results
            if len(results) == 1 and isinstance(results[0], tuple):  # one list of tensors
                results = results[0]
            several = made if len(results) > 1 else (_only(made),)
            held.update(zip(results, several, strict=False))  # what nobody reads has no name
            for path in step.layers:
                held[results[0]] = self.blocks[path](held[results[0]])
            for name in step.done:
                held.pop(name, None)
        logits: Tensor = held[self.result]
        return logits


def _only(made: Any) -> Any:
    return made[0] if isinstance(made, tuple | list) else made


def _value(arg: Any, held: Mapping[str, Any], images: Tensor) -> Any:
    if isinstance(arg, Name):
        return held[arg.name]
    if isinstance(arg, Device):
        return images.device
    return [_value(item, held, images) for item in arg] if isinstance(arg, list) else arg
