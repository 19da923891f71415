"""What is known about one attack of the library."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from radar_core.attacks import Family, Placing
from radar_core.epsilon import Norm
from radar_core.params import field_range

Values = Mapping[str, Any]
Field = tuple[str, type, Any]


@dataclass(frozen=True)
class Run:
    """What an argument of the library may depend on beside our parameters.

    Attributes:
        eps: radius in [0, 1] pixels; infinite where the attack is given none.
        seed: of its draws.
        batch: how many images a pass without gradients may hold.
    """

    eps: float
    seed: int
    batch: int


@dataclass(frozen=True)
class Declared:
    """What is known about one attack of the library.

    Attributes:
        library: its class there.
        about: shown to users; the first line says what it does.
        fields: name, type and control of each parameter.
        arguments: of the library's constructor.
        passes: the most forward passes of one run, by its algorithm.
        norm: None where it is one of the parameters.
        alone: it is given one image at a time, on the CPU: it draws a number a pixel, which is not
            to depend on the other images nor on the device; or it takes much memory. The rest are
            given all images of an ε at once.
        calls: of torch, the most between two passes, where it has a loop without passes that may
            go astray.
    """

    id: str
    library: str
    title: str
    source: str
    about: str
    fields: tuple[Field, ...]
    arguments: Callable[[Values, Run], dict[str, Any]]
    passes: Callable[[Values, Run], int]
    family: Family = "gradient"
    placing: Placing = "budget"
    norm: Norm | None = "linf"
    targetable: bool = True
    alone: bool = True
    calls: Callable[[Values], int] | None = None


def steps(default: int = 10, high: int = 1000, help: str = "") -> Field:
    """The parameter that most of them share."""
    return ("steps", int, field_range(default, 1, high, title="Steps", help=help))
