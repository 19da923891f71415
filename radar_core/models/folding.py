"""Batch normalisation folded into the convolutions before it, as a network at rest allows.

In evaluation mode y = γ (w∗x + b − μ) / √(σ² + ε) + β is a convolution with other numbers: one
pass over memory less, forward and backward, which for a batch on a CPU is a tenth to a third of the
time.
Source: Jacob et al. 2018 (arXiv:1712.05877), section 3.2, equation 14.

Functions are replaced as they are called, for the thread that calls: no module, weight, name or
hook of the network changes. What may be folded is found, and tried, on a copy.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import takewhile
from operator import is_not
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as hooks_of_all
from torch.nn.modules.batchnorm import _BatchNorm

from radar_core.models.folding_modes import Meet, Pair, Replace
from radar_core.runtime import generator

TOLERANCE = 1e-4  # of the largest logit; single precision is off by a hundredth of that
GRADIENTS = 0.05  # of their norm: rounding puts an activation beyond a kink now and then
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_GLOBAL = tuple(f"_global{name}" for name in _HOOKS)


class Folded:
    """What of a network is folded, as it was when this was made; it may be nothing.

    Args:
        network: in evaluation mode.
        names: of convolutions, and of the batch normalisation that each is followed by.
    """

    def __init__(self, network: nn.Module, names: Mapping[str, str]) -> None:
        self._network = network
        self._pairs = tuple(_pair(network, *both) for both in names.items())
        self._modules = list(network.modules())
        self._tensors = _tensors(self._modules)
        self._places, self._sample = _places(self._tensors), _sample(self._tensors)
        self._counts = _counts(self._tensors)
        self._eps = [m.eps for m in self._modules if isinstance(m, _BatchNorm)]
        self.strays = 0

    def __len__(self) -> int:
        """How many convolutions are folded."""
        return len(self._pairs)

    def holds(self, network: nn.Module) -> bool:
        """Whether that is still the network that was folded.

        All numbers of normalisations are compared, and of each filter the first; of the others,
        what autograd counts as a change.
        """
        modules = list(network.modules())
        if len(modules) != len(self._modules) or any(map(is_not, modules, self._modules)):
            return False
        tensors = _tensors(modules)
        return (
            _places(tensors) == self._places
            and _counts(tensors) == self._counts
            and [m.eps for m in modules if isinstance(m, _BatchNorm)] == self._eps
            and torch.equal(_sample(tensors), self._sample)
        )

    def run(self, network: nn.Module, images: Tensor) -> Any:
        """The network's answer; another network, and a layer that somebody looks at or trains, are
        computed as they are.

        Where a convolution's result goes another way than when this was tried, all is computed
        again as it is.
        """
        free = self._free() if network is self._network else []
        if not free or _counts(self._tensors) != self._counts:
            return network(images)
        with Replace(free) as replaced:
            answer = network(images)
        if not replaced.astray:
            return answer
        self.strays += 1
        return network(images)

    def _free(self) -> list[Pair]:
        """The pairs that nobody looks at or into, trains or asks for gradients."""
        if any(getattr(hooks_of_all, name) for name in _GLOBAL):
            return []
        hooked = {id(m) for m in self._modules if any(getattr(m, name) for name in _HOOKS)}
        free = [p for p in self._pairs if not p.norm.training and not (hooked & p.inside)]
        if torch.is_grad_enabled():
            free = [pair for pair in free if not pair.trained()]
        return free


def fold(network: nn.Module, side: int) -> Folded | None:
    """Fold what can be of a network in evaluation mode; None where there is nothing to fold.

    Args:
        network: from (n, 3, side, side) to logits, in float32, on a CPU. It is not run; a copy of
            it is, on noise, forward and backward, and has to give the same folded.
    """
    if not any(isinstance(module, _BatchNorm) for module in network.modules()):
        return None
    with (
        torch.inference_mode(False),
        torch.random.fork_rng(devices=[]),
        torch.autocast("cpu", enabled=False),
    ):
        try:
            tried = copy.deepcopy(network)
            for module in tried.modules():
                for name in _HOOKS:
                    getattr(module, name).clear()
            tried.requires_grad_(False)
            with Meet() as met:
                as_it_is = _answers(tried, side)
            names = _followed(tried, met)
            folded = Folded(tried, names)
            same = _same(as_it_is, _answers(partial(folded.run, tried), side))
            same = same and not folded.strays
        except Exception:  # anything may be wrong with somebody's network: it runs as it is
            return Folded(network, {})
        return Folded(network, names if same else {})


def _followed(network: nn.Module, met: Meet) -> dict[str, str]:
    """The names of convolutions, and of the normalisation that alone is given their result."""
    layers = dict(network.named_modules())
    convolutions = {
        id(m._parameters["weight"]): name
        for name, m in layers.items()
        if isinstance(m, nn.Conv2d) and m._parameters.get("weight") is not None
    }
    norms = {
        id(m.running_mean): name
        for name, m in layers.items()
        if isinstance(m, _BatchNorm) and m.running_mean is not None
    }
    found = {}
    for weight, mean in met.follows.items():
        names = convolutions.get(weight), norms.get(mean)
        if met.elsewhere & {weight, mean} or names[0] is None or names[1] is None:
            continue
        tensors = _tensors([layers[names[0]], layers[names[1]]])
        if all(t.dtype == torch.float32 for t in tensors if t.is_floating_point()):
            found[names[0]] = names[1]
    return found


def _answers(run: Callable[[Tensor], Any], side: int) -> tuple[Tensor, Tensor]:
    """Logits of noise, and their gradient."""
    noise = torch.randn((1, 3, side, side), generator=generator(0, "folding")).requires_grad_()
    logits: Tensor = run(noise)
    (slopes,) = torch.autograd.grad(logits.square().sum(), noise)
    return logits.detach(), slopes


def _same(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> bool:
    (logits, slopes), (other_logits, other_slopes) = one, other
    return bool(
        (logits - other_logits).abs().max() <= TOLERANCE * logits.abs().max()
        and (slopes - other_slopes).norm() <= GRADIENTS * slopes.norm()
    )


def _pair(network: nn.Module, convolution: str, norm: str) -> Pair:
    one: Any = network.get_submodule(convolution)
    other: Any = network.get_submodule(norm)
    steps = zip(convolution.split("."), norm.split("."), strict=False)
    shared = takewhile(lambda step: step[0] == step[1], steps)
    both = network.get_submodule(".".join(step for step, _ in shared))
    inside = frozenset(id(m) for m in both.modules() if m is not both)
    own = one.weight, one.bias
    beside = other.running_mean, other.running_var, other.weight, other.bias
    return Pair(other, inside, own, beside, *_numbers(own, beside, other.eps))


def _numbers(
    own: tuple[Tensor, Tensor | None], beside: tuple[Tensor | None, ...], eps: float
) -> tuple[Tensor, Tensor]:
    """Weights and bias of both in one, worked out in double precision."""
    with torch.no_grad():
        weight, shift, mean, variance, scale, bias = (
            None if tensor is None else tensor.double() for tensor in (*own, *beside)
        )
        assert weight is not None and mean is not None and variance is not None
        factor = (variance + eps).rsqrt() * (1 if scale is None else scale)
        shift = (-mean if shift is None else shift - mean) * factor
        shift = shift if bias is None else shift + bias
        return (weight * factor.view(-1, 1, 1, 1)).float(), shift.float()


def _tensors(modules: Sequence[nn.Module]) -> list[Tensor]:
    """All of the convolutions' and normalisations' tensors."""
    layers = (m for m in modules if isinstance(m, (nn.Conv2d, _BatchNorm)))
    both = ((*m._parameters.values(), *m._buffers.values()) for m in layers)
    return [tensor for tensors in both for tensor in tensors if tensor is not None]


def _places(tensors: Sequence[Tensor]) -> list[tuple[int, torch.dtype]]:
    return [(t.data_ptr(), t.dtype) for t in tensors]


def _counts(tensors: Sequence[Tensor]) -> list[int]:
    """How often each was changed, as far as autograd heard of it."""
    return [-1 if t.is_inference() else t._version for t in tensors]


def _sample(tensors: Sequence[Tensor]) -> Tensor:
    """The first number of each filter, and all of what is no filter."""
    with torch.no_grad():
        floating = [t for t in tensors if t.is_floating_point()]
        parts = [t[:, 0, 0, 0] if t.ndim == 4 else t for t in floating]
        return torch.cat(parts) if len({t.dtype for t in parts}) == 1 else torch.zeros(0)
