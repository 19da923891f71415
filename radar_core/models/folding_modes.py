"""How a network is watched, and computed folded: functions are met as they are called.

A mode is for the thread that opened it and until it is closed; nothing is hooked into the network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from radar_core.function_mode import FunctionMode

_BESIDE = ("running_mean", "running_var", "weight", "bias")
_READS = ("dim", "size", "__get__")  # calls that only ask a tensor what it is


@dataclass(frozen=True, eq=False)
class Pair:
    """A convolution and the batch normalisation that alone is given what it makes.

    Attributes:
        inside: of the part of the network that has both, the modules within it.
        own: the convolution's weight and bias.
        beside: the normalisation's mean, variance, weight and bias.
        weight, bias: of both in one.
    """

    norm: _BatchNorm
    inside: frozenset[int]
    own: tuple[Tensor, Tensor | None]
    beside: tuple[Tensor | None, ...]
    weight: Tensor
    bias: Tensor

    def trained(self) -> bool:
        """Whether somebody asks for gradients of the two."""
        return any(t is not None and t.requires_grad for t in (*self.own, *self.beside))

    def normalises(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
        """Whether batch normalisation is called with what was folded."""
        rest = [kwargs.get(name) for name in _BESIDE[len(args) - 1 :]]
        return not any(a is not b for a, b in zip((*args[1:5], *rest), self.beside, strict=True))


class Meet(FunctionMode):
    """Notes which batch normalisation is given what a convolution has made.

    `follows` is by the identity of weights and running means; `elsewhere` are those met more than
    once, and convolutions whose result was given to anything else.
    """

    def __init__(self) -> None:
        super().__init__()
        self.follows: dict[int, int] = {}
        self.elsewhere: set[int] = set()
        self._met: set[int] = set()
        self._made: dict[int, tuple[Tensor, int]] = {}  # held, so that no identity is used twice

    def called(
        self, func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """Note a call and make it."""
        if func is F.batch_norm and len(args) > 1:
            self._meet(id(args[1]))
            if id(args[0]) in self._made:
                self.follows.setdefault(self._made[id(args[0])][1], id(args[1]))
        else:
            stray = _among(self._made, func, args, kwargs)
            self.elsewhere.update(self._made[key][1] for key in stray)
        result = func(*args, **kwargs)
        if func is F.conv2d and len(args) > 1:
            self._meet(id(args[1]))
            self._made[id(result)] = result, id(args[1])
        return result

    def _meet(self, identity: int) -> None:
        (self.elsewhere if identity in self._met else self._met).add(identity)


class Replace(FunctionMode):
    """Computes folded convolutions, and passes on what their normalisation is given of them."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        super().__init__()
        self._pairs = {id(pair.own[0]): pair for pair in pairs}
        self._made: dict[int, tuple[Tensor, Pair]] = {}
        self._stray = False

    @property
    def astray(self) -> bool:
        """Whether anything but the normalisation was given what was made for it."""
        return self._stray or bool(self._made)

    def called(
        self, func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """Replace the two; anything else is called as it is."""
        if func is F.conv2d and len(args) > 1 and id(args[1]) in self._pairs:
            pair = self._pairs[id(args[1])]
            result = func(args[0], pair.weight, pair.bias, *args[3:], **kwargs)
            self._made[id(result)] = result, pair
            return result
        if self._made:
            found = self._made.get(id(args[0])) if func is F.batch_norm and len(args) > 1 else None
            if found is not None and found[1].normalises(args, kwargs):
                del self._made[id(found[0])]
                return found[0]
            self._stray = self._stray or bool(_among(self._made, func, args, kwargs))
        return func(*args, **kwargs)


def _among(
    made: Mapping[int, object],
    func: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> list[int]:
    """Which of the tensors made a function is given that does more than ask what they are."""
    if getattr(func, "__name__", "") in _READS:
        return []
    given = [*args, *kwargs.values()]
    given += [value for each in given if isinstance(each, list | tuple) for value in each]
    return [id(value) for value in given if id(value) in made]
