"""DeepLIFT's rescale rule: an image against references that went through the network before it.

What the rule will ask of the references is kept as they pass, without a graph. The image then
passes once beside each, and alone goes backward. Like `backward_rules`, this is for the
thread that opened it, and nothing is hooked into the model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from radar_core.errors import BadModel
from radar_core.explainers.backward_rules import RECTIFIERS, Bound, Call, met
from radar_core.function_mode import FunctionMode

# All functions of one number that the rule covers.
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
OTHER_STEPS = (
    "this network computes an image in other steps than a reference, so DeepLIFT cannot compare "
    "them; SHAP can"
)
LEAST = 1e-30  # that a number is divided by


@dataclass(frozen=True, eq=False)
class Kept:
    """What a function that has a rule was given of the references.

    Attributes:
        func: the function.
        given: the one tensor that it depends on, or the two.
        versions: of each, how often it had been changed.
    """

    func: Callable[..., Any]
    given: tuple[Tensor, ...]
    versions: tuple[int, ...]

    def unchanged(self) -> bool:
        """Whether what was given still is what it was."""
        return self.versions == _versions(self.given)


class References(FunctionMode):
    """Keeps what `Rescale` will ask of the references, as they go through the network.

    Args:
        copies: whether to keep copies; without, only of what a function is to change itself.
    """

    def __init__(self, *, copies: bool = False) -> None:
        super().__init__()
        self.kept: list[Kept] = []
        self._copies = copies

    @property
    def taken(self) -> int:
        """Bytes that comparing images with them takes, so far as it grows with their number.

        What is kept, as much again for the images' own, and multipliers in 32 bits.
        """
        stored = {t.untyped_storage().data_ptr(): t for kept in self.kept for t in kept.given}
        return sum(2 * tensor.nbytes + 4 * tensor.numel() for tensor in stored.values())

    @classmethod
    def of(cls, run: Callable[[Tensor], Tensor], references: Tensor) -> tuple[References, Tensor]:
        """What the network makes of references, kept, and their logits.

        They pass a second time where the network works in place on what it had given to a function.
        """
        for copies in (False, True):
            with torch.no_grad(), cls(copies=copies) as found:
                logits = run(references)
            if all(kept.unchanged() for kept in found.kept):
                break
        return found, logits

    def called(
        self, func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """Keep what a function with a rule is given, and call it."""
        asked = _asked(func, args, kwargs)
        if asked is not None:
            given, call = asked
            if self._copies or call.in_place:
                given = tuple(tensor.clone() for tensor in given)
            self.kept.append(Kept(func, given, _versions(given)))
        return func(*args, **kwargs)


class Rescale(FunctionMode):
    """The rescale rule: the multiplier of a nonlinear function is Δout / Δin.

    The batch is of images, each to be compared with the reference in its place; gradients asked of
    it become multipliers. Where Δin is tiny the derivative serves. Max-pooling gives Δout to
    the pixel that was the largest in the image, or in the reference where that was larger (captum's
    rule, but windows may overlap: shares are added up). A product of two activations, as in
    squeeze-and-excitation, shares Δout by the mean of the other factor: its Shapley values, as
    DeepSHAP does. Whatever else is not linear keeps its derivative, and attributions then do not
    add up exactly: softmax, layer normalisation, activations that bring a backward of their own,
    products in place, max-pooling whose places the network itself asks for. Source: Shrikumar et
    al. 2017, section 3.5.1.

    Args:
        references: as they went through the same network; it may serve any number of batches.

    Raises:
        BadModel: (within) the network computes the images in other steps than the references.
    """

    def __init__(self, references: References) -> None:
        super().__init__()
        self._left = iter(references.kept)

    def called(
        self, func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """Replace a function that has a rule; anything else is called as it is."""
        asked = _asked(func, args, kwargs)
        if asked is None:
            return func(*args, **kwargs)
        given, call = asked
        there = self._there(func, given)
        if not all(tensor.requires_grad for tensor in given):
            return func(*args, **kwargs)
        if func in PRODUCTS:
            return _Product.apply(*given, *there)
        if func in POOLS:
            return _MaxPool.apply(*given, *there, call.function)
        return _Rescaled.apply(*given, *there, call.function, call.in_place)

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        """Close it; what was kept has to have been asked for."""
        super().__exit__(kind, error, trace)  # type: ignore[no-untyped-call]
        if kind is None and next(self._left, None) is not None:
            raise BadModel(OTHER_STEPS)

    def _there(self, func: Callable[..., Any], given: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """What the same call was given of the references."""
        kept = next(self._left, None)
        shapes = [tensor.shape for tensor in given]
        same = kept is not None and kept.func is func and kept.unchanged()
        if kept is None or not same or [t.shape for t in kept.given] != shapes:
            raise BadModel(OTHER_STEPS)
        return kept.given


def _asked(
    func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[tuple[Tensor, ...], Call] | None:
    """The tensors that a rule compares, and the call; None for a function that has no rule."""
    if func in PRODUCTS:
        call = Call(Bound(func, (), {}), None, False)
        given = tuple(args) if len(args) == 2 else ()
    elif func in ELEMENTWISE or func in POOLS:
        call = met(func, ELEMENTWISE.get(func) or POOLS[func], args, kwargs)
        given = (call.given,)
    else:
        return None
    fits = bool(given) and all(isinstance(value, Tensor) for value in given)
    if not fits or (func in POOLS and given[0].ndim != 4):
        return None
    return given, call


def _versions(tensors: Sequence[Tensor]) -> tuple[int, ...]:
    return tuple(-1 if t.is_inference() else t._version for t in tensors)


# What the three below keep is not saved for backward: a checkpoint would put in its place what it
# computes anew, without the rule.


class _Rescaled(torch.autograd.Function):
    """A function of one number; backward, the gradient times Δout / Δin."""

    @staticmethod
    def forward(
        ctx: Any, given: Tensor, reference: Tensor, function: Bound, in_place: bool
    ) -> Tensor:
        # In float32 at least: a difference of 16-bit values is too coarse.
        exact = torch.promote_types(given.dtype, torch.float32)
        image, there = given.to(exact), reference.to(exact)
        if function.function is F.relu:
            ctx.factor = _relu_multiplier(image, there)
            out = given.clamp_(min=0) if in_place else given.clamp(min=0)
        else:
            out = function(given)
            with torch.autocast(given.device.type, enabled=False):
                value = out if out.dtype == exact else function(image)
                ctx.factor = _multiplier(function, image, there, value)
            out = given.copy_(out) if in_place else out
        if in_place:
            ctx.mark_dirty(given)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        return (ctx.factor * gradient).to(gradient.dtype), None, None, None


def _relu_multiplier(image: Tensor, reference: Tensor) -> Tensor:
    """A ReLU's Δout / Δin: 1 where both are passed, 0 where neither is, a share where one is.

    Where nothing differs that is the derivative.
    """
    change = torch.sub(image, reference).abs_().clamp_(min=LEAST)
    return torch.maximum(image, reference).div_(change).clamp_(0, 1)


def _multiplier(function: Bound, image: Tensor, reference: Tensor, value: Tensor) -> Tensor:
    """Δout / Δin, the function's value for the image being known."""
    change = image - reference
    factor = torch.sub(value, function(reference)).div_(change)
    tiny = change.abs_() < TINY
    if not tiny.any():
        return factor
    if not function.anywhere():
        return torch.where(tiny, function.slope(image), factor)
    factor[tiny] = function.slope(image[tiny])
    return factor


class _MaxPool(torch.autograd.Function):
    """Max-pooling with the rescale rule."""

    @staticmethod
    def forward(ctx: Any, given: Tensor, reference: Tensor, function: Bound) -> Tensor:
        named = {k: v for k, v in function.named.items() if k != "return_indices"}
        pool: Callable[[Tensor], tuple[Tensor, Tensor]] = Bound(
            function.function, function.rest, {**named, "return_indices": True}
        )
        out, here = pool(given)
        most, there = pool(reference)
        change = (given - reference).flatten(2)
        larger = torch.maximum(out, most)
        shares = []
        for part, places, otherwise in (
            (larger - most, here, 1.0),  # the derivative: all goes to the image's largest pixel
            (out - larger, there, 0.0),
        ):
            moved = change.gather(2, places.flatten(2)).view_as(part)
            tiny = moved.abs() < TINY
            share = part / moved.masked_fill(tiny, 1)
            shares.append(share.masked_fill(tiny, otherwise))
        ctx.shape, ctx.places, ctx.shares = given.shape, (here, there), shares
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        result = gradient.new_zeros(ctx.shape).flatten(2)
        for places, share in zip(ctx.places, ctx.shares, strict=True):
            result.scatter_add_(2, places.flatten(2), (gradient * share).flatten(2))
        return result.view(ctx.shape), None, None


class _Product(torch.autograd.Function):
    """A product; backward, by either factor, the other's mean over image and reference."""

    @staticmethod
    def forward(
        ctx: Any, first: Tensor, second: Tensor, first_there: Tensor, second_there: Tensor
    ) -> Tensor:
        ctx.first = torch.lerp(first, first_there, 0.5)
        ctx.second = torch.lerp(second, second_there, 0.5)
        return first * second

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,), first, second = gradients, ctx.first, ctx.second
        by_first = (gradient * second).sum_to_size(first.shape).to(first.dtype)
        by_second = (gradient * first).sum_to_size(second.shape).to(second.dtype)
        return by_first, by_second, None, None
