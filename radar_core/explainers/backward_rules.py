"""Other rules than the derivative for the backward pass of nonlinear functions.

A rule replaces functions as they are called, for the thread that opened it and until it is closed.
Nothing is hooked into the model, so in-place, reused and functional activations are met like any
other, and two threads with two models do not meet each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

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
# All functions of one number that the rescale rule covers.
ELEMENTWISE: dict[Callable[..., Any], Callable[..., Tensor]] = {
    **RECTIFIERS,
    F.hardsigmoid: F.hardsigmoid,
    torch.sigmoid: torch.sigmoid,
    torch.sigmoid_: torch.sigmoid,
    Tensor.sigmoid: torch.sigmoid,
    Tensor.sigmoid_: torch.sigmoid,
    torch.tanh: torch.tanh,
    torch.tanh_: torch.tanh,
    Tensor.tanh: torch.tanh,
    Tensor.tanh_: torch.tanh,
}
POOLS: dict[Callable[..., Any], Callable[..., Any]] = {
    F.max_pool2d: F.max_pool2d,
    torch.max_pool2d: F.max_pool2d,
    F.adaptive_max_pool2d: F.adaptive_max_pool2d,
}
PRODUCTS = (torch.mul, torch.multiply, Tensor.mul, Tensor.multiply)
TINY = 1e-6  # a smaller change of an input says nothing about a slope in float32

Factor = Callable[["_Bound", Tensor, Tensor], Tensor]  # function, given, its value


class Guided(TorchFunctionMode):
    """Guided backpropagation: a rectifier hands back what is positive, where it was passed through.

    That is [x > 0]·[g > 0]·g for a ReLU of input x and gradient g; other rectifiers (SiLU, GELU,
    ...) multiply it with their own slope, which the source, written for ReLU, does not say.
    `met` counts the rectifiers replaced. Source: Springenberg et al. 2015, section 3.4.
    """

    def __init__(self) -> None:
        super().__init__()
        self.met = 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Replace a rectifier; anything else is called as it is."""
        given, rest, named = _first(args, kwargs)
        if func not in RECTIFIERS or not given.requires_grad:
            return func(*args, **(kwargs or {}))
        self.met += 1
        function = RECTIFIERS[func]
        factor = _passed if function is F.relu else _slope_where_passed
        return _replaced(func, function, given, rest, named, factor, True)


class Rescale(TorchFunctionMode):
    """DeepLIFT's rescale rule: the multiplier of a nonlinear function is Δout / Δin.

    The batch is [images, references], pair by pair, stacked; gradients asked of the images alone
    become multipliers. Where Δin is tiny the derivative serves. Max-pooling gives Δout to the pixel
    that was the largest in the image, or in the reference where that was larger (captum's rule,
    but windows may overlap: shares are added up). A product of two activations, as in
    squeeze-and-excitation, shares Δout by the mean of the other factor: its Shapley values, as
    DeepSHAP does. Whatever else is not linear (softmax, layer normalisation) keeps its derivative,
    and attributions then do not add up exactly. Source: Shrikumar et al. 2017, section 3.5.1.

    Args:
        pairs: how many images, and references, are stacked.
    """

    def __init__(self, pairs: int) -> None:
        super().__init__()
        self.pairs = pairs

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Replace a function that has a rule; anything else is called as it is."""
        if func in ELEMENTWISE:
            given, rest, named = _first(args, kwargs)
            if self._stacked(given):
                function = ELEMENTWISE[func]
                return _replaced(func, function, given, rest, named, _multiplier, False)
        elif func in POOLS:
            given, rest, named = _first(args, kwargs)
            if self._stacked(given) and given.ndim == 4:
                named.pop("return_indices", None)
                pool = _Bound(POOLS[func], rest, {**named, "return_indices": True})
                return _MaxPool.apply(given, pool)
        elif func in PRODUCTS and len(args) == 2 and all(self._stacked(a) for a in args):
            return _product(*args)
        return func(*args, **(kwargs or {}))

    def _stacked(self, value: Any) -> bool:
        """Whether a value depends on the batch of pairs, its first half being the images."""
        return (
            isinstance(value, Tensor)
            and value.requires_grad
            and value.ndim > 0
            and value.shape[0] % (2 * self.pairs) == 0
        )


def _first(
    args: Sequence[Any], kwargs: Mapping[str, Any] | None
) -> tuple[Any, Sequence[Any], dict[str, Any]]:
    """The first argument, the others and the named ones."""
    named = dict(kwargs or {})
    return (args[0], args[1:], named) if args else (named.pop("input", None), (), named)


@dataclass(frozen=True, eq=False)
class _Bound:
    """A function of one tensor: all else that it was called with is bound to it."""

    function: Callable[..., Any]
    rest: Sequence[Any]
    named: Mapping[str, Any]

    def __call__(self, given: Tensor) -> Any:
        # A rule may compute in more bits than the network's own numbers (PReLU's slopes).
        others = (r.to(given.dtype) if isinstance(r, Tensor) else r for r in self.rest)
        return self.function(given, *others, **self.named)

    def anywhere(self) -> bool:
        """Whether it does the same to a number wherever that stands; PReLU's slopes do not."""
        return not any(isinstance(v, Tensor) for v in (*self.rest, *self.named.values()))


def _replaced(
    called: Callable[..., Any],
    function: Callable[..., Tensor],
    given: Tensor,
    rest: Sequence[Any],
    named: dict[str, Any],
    factor: Factor,
    positive: bool,
) -> Tensor:
    """The function's value with another backward; in place where the call was."""
    name = called.__name__
    in_place = bool(named.pop("inplace", False)) or name.endswith("_")
    plain = _Bound(function, rest, named)
    result: Tensor = _Elementwise.apply(given, plain, factor, positive, in_place)
    return result


class _Elementwise(torch.autograd.Function):
    """A function of one number; backward, the gradient (its positive part) times a factor."""

    @staticmethod
    def forward(
        ctx: Any,
        given: Tensor,
        function: _Bound,
        factor: Factor,
        positive: bool,
        in_place: bool,
    ) -> Tensor:
        out: Tensor = function(given)
        ctx.positive = positive
        ctx.save_for_backward(factor(function, given.detach(), out))
        if in_place:
            ctx.mark_dirty(given)
            return given.copy_(out)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,), (factor,) = gradients, ctx.saved_tensors
        passed = gradient.clamp(min=0) if ctx.positive else gradient
        # A factor of half the batch serves both halves.
        halves = passed.unflatten(0, (-1, len(factor)))
        return (halves * factor).flatten(0, 1).to(gradient.dtype), None, None, None, None


def _slope(function: _Bound, given: Tensor) -> Tensor:
    with torch.enable_grad():
        leaf = given.detach().requires_grad_()
        out = function(leaf)
    (slope,) = torch.autograd.grad(out, leaf, torch.ones_like(out))
    return slope


def _passed(function: _Bound, given: Tensor, out: Tensor) -> Tensor:
    """A ReLU's slope in a byte: networks have too many to keep as numbers."""
    return given > 0


def _slope_where_passed(function: _Bound, given: Tensor, out: Tensor) -> Tensor:
    return _slope(function, given) * (given > 0)


def _multiplier(function: _Bound, given: Tensor, out: Tensor) -> Tensor:
    """Δout / Δin of each pair, in float32 at least: a difference of 16-bit values is too coarse."""
    exact = torch.promote_types(given.dtype, torch.float32)
    if given.dtype != exact:
        given = given.to(exact)
        out = function(given)
    image, reference = given.chunk(2)
    change = image - reference
    tiny = change.abs() < TINY
    factor = out.narrow(0, 0, len(image)) - out.narrow(0, len(image), len(image))
    factor /= change
    if not tiny.any():
        return factor
    if function.anywhere():
        factor[tiny] = _slope(function, image[tiny])
        return factor
    return torch.where(tiny, _slope(function, image), factor)


class _MaxPool(torch.autograd.Function):
    """Max-pooling with the rescale rule; `pool` gives values and their places."""

    @staticmethod
    def forward(ctx: Any, given: Tensor, pool: Callable[[Tensor], tuple[Tensor, Tensor]]) -> Tensor:
        out, places = pool(given)
        image, reference = given.chunk(2)
        change = (image - reference).flatten(2)
        most, most_there = out.chunk(2)
        larger = torch.maximum(most, most_there)
        shares = []
        for part, where, otherwise in zip(
            (larger - most_there, most - larger),
            places.chunk(2),
            (1.0, 0.0),  # the derivative by the image: all goes to its own largest pixel
            strict=True,
        ):
            there = change.gather(2, where.flatten(2)).view_as(part)
            tiny = there.abs() < TINY
            share = part / there.masked_fill(tiny, 1)
            shares.append(share.masked_fill(tiny, otherwise))
        ctx.save_for_backward(places, torch.stack(shares))
        ctx.shape = given.shape
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,), (places, shares) = gradients, ctx.saved_tensors
        result = gradient.new_zeros(ctx.shape).flatten(2)
        half = len(result) // 2
        # Only the images' half is asked for (see `Rescale`); both halves' places receive of it.
        for where, share in zip(places.chunk(2), shares, strict=True):
            passed = (gradient[:half] * share).flatten(2)
            result[:half].scatter_add_(2, where.flatten(2), passed)
        return result.view(ctx.shape), None


def _product(first: Tensor, second: Tensor) -> Tensor:
    """first · second, whose derivative by either is the other's mean over image and reference."""
    slopes: Tensor = first * _pair_mean(second) + second * _pair_mean(first)
    return slopes + (first * second - slopes).detach()


def _pair_mean(value: Tensor) -> Tensor:
    image, reference = value.detach().chunk(2)
    mean = (image + reference) / 2
    return torch.cat([mean, mean])
