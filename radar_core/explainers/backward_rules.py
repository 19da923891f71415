"""Other rules than the derivative for the backward pass of nonlinear functions.

A rule replaces functions as they are called, for the thread that opened it and until it is closed.
Nothing is hooked into the model, so in-place, reused and functional activations are met like any
other, and two threads with two models do not meet each other.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from radar_core.function_mode import FunctionMode

# Activations that pass what is positive and hold back what is not.
RECTIFIERS: dict[Callable[..., Any], Callable[..., Tensor]] = {
    F.relu: F.relu,
    torch.relu: F.relu,
    torch.relu_: F.relu,
    Tensor.relu: F.relu,
    Tensor.relu_: F.relu,
    F.leaky_relu_: F.leaky_relu,
    F.elu_: F.elu,
    **{
        function: function
        for function in (
            *(F.relu6, F.hardtanh, F.hardswish, F.leaky_relu, F.elu, F.selu, F.celu),
            *(F.silu, F.gelu, F.mish, F.softplus, F.prelu),
        )
    },
}


class Guided(FunctionMode):
    """Guided backpropagation: a rectifier hands back what is positive, where it was passed through.

    That is [x > 0]·[g > 0]·g for a ReLU of input x and gradient g; other rectifiers (SiLU, GELU,
    ...) multiply it with their own slope, which the source, written for ReLU, does not say.
    `met` counts the rectifiers replaced. Source: Springenberg et al. 2015, section 3.4.
    """

    def __init__(self) -> None:
        super().__init__()
        self.met = 0

    def called(
        self, func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """Replace a rectifier; anything else is called as it is."""
        if func not in RECTIFIERS:
            return func(*args, **kwargs)
        call = met(func, RECTIFIERS[func], args, kwargs)
        if not call.given.requires_grad:
            return func(*args, **kwargs)
        self.met += 1
        return _Guided.apply(call.given, call.function, call.in_place)


@dataclass(frozen=True, eq=False)
class Bound:
    """A function of one tensor: all else that it was called with is bound to it."""

    function: Callable[..., Any]
    rest: Sequence[Any]
    named: Mapping[str, Any]

    def __call__(self, given: Tensor) -> Any:
        # A rule may compute in more bits than the network's own numbers (PReLU's slopes).
        def alike(value: Any) -> Any:
            return value.to(given.dtype) if isinstance(value, Tensor) else value

        rest, named = map(alike, self.rest), {k: alike(v) for k, v in self.named.items()}
        return self.function(given, *rest, **named)

    def anywhere(self) -> bool:
        """Whether it does the same to a number wherever that stands; PReLU's slopes do not."""
        return not any(isinstance(v, Tensor) for v in (*self.rest, *self.named.values()))

    def slope(self, given: Tensor) -> Tensor:
        """The derivative of a function of one number at each of the given ones."""
        with torch.enable_grad():
            leaf = given.detach().requires_grad_()
            out = self(leaf)
        (slope,) = torch.autograd.grad(out, leaf, torch.ones_like(out))
        return slope


@dataclass(frozen=True, eq=False)
class Call:
    """A function as it was met.

    Attributes:
        function: what it does, never in place.
        given: its first argument.
        in_place: whether the call is to change that.
    """

    function: Bound
    given: Any
    in_place: bool


def met(
    called: Callable[..., Any],
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> Call:
    """Read the arguments of a call.

    Args:
        function: what the called one does, in a form that does not work in place.
    """
    rest, named = list(args), dict(kwargs)
    given = rest.pop(0) if rest else named.pop("input", None)
    in_place = bool(named.pop("inplace", False)) or called.__name__.endswith("_")
    place = _place_of_inplace(called)
    if place is not None and len(args) > place:
        in_place = bool(rest.pop(place - 1))
    return Call(Bound(function, rest, named), given, in_place)


@functools.cache
def _place_of_inplace(function: Callable[..., Any]) -> int | None:
    try:
        return [*inspect.signature(function).parameters].index("inplace")
    except ValueError:  # it has none, or is no function of Python's
        return None


class _Guided(torch.autograd.Function):
    """A rectifier; backward, the gradient's positive part where it was passed through."""

    @staticmethod
    def forward(ctx: Any, given: Tensor, function: Bound, in_place: bool) -> Tensor:
        out: Tensor = function(given)
        # A ReLU's slope in a byte: networks have too many to keep as numbers.
        passed = given > 0
        # Not saved for backward, where a checkpoint would put what it computes anew in its place.
        ctx.factor = passed if function.function is F.relu else function.slope(given) * passed
        if in_place:
            ctx.mark_dirty(given)
            return given.copy_(out)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        return (gradient.clamp(min=0) * ctx.factor).to(gradient.dtype), None, None
