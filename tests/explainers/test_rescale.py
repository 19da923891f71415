"""DeepLIFT's rescale rule: each function that has a rule, and what goes between two passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

import radar_core as radar
from radar_core.errors import BadModel
from radar_core.explainers import deeplift
from radar_core.explainers.rescale import References, Rescale
from tests import toys
from tests.explainers.test_backward_rules import FUNCTIONS, MODULES, named, points

CURVES = (
    *(nn.Hardsigmoid(inplace=True), nn.Sigmoid(), nn.Tanh(), torch.sigmoid_, torch.tanh_),
    *(Tensor.sigmoid, Tensor.sigmoid_, Tensor.tanh, Tensor.tanh_),
)


def rescaled(
    function: Callable[[Tensor], Tensor], given: Tensor, there: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Value of what is given, a mixed gradient above it, and the multipliers that it becomes."""
    kept, _ = References.of(lambda x: function(x * 1.0), there)
    leaf = given.clone().requires_grad_()
    with Rescale(kept):
        out = function(leaf * 1.0)
    above = torch.randn(out.shape, generator=torch.Generator().manual_seed(1))
    (gradient,) = torch.autograd.grad((out * above).sum(), leaf)
    return out.detach(), above, gradient


@pytest.mark.parametrize("function", [*MODULES, *FUNCTIONS, *CURVES], ids=named)
def test_a_multiplier_is_the_ratio_of_differences(function: Callable[[Tensor], Tensor]):
    given, there = points(2), points(2, seed=3)
    there[0] = given[0]  # nothing differs in the first pair: the derivative
    out, above, found = rescaled(function, given, there)
    with torch.no_grad():
        plain, plain_there = function(given.clone()), function(there.clone())
    assert torch.equal(out, plain)
    rise = (plain - plain_there) * above
    assert torch.allclose((found * (given - there))[1], rise[1], atol=1e-5)
    leaf = given[:1].clone().requires_grad_()
    (slope,) = torch.autograd.grad((function(leaf * 1.0) * above[:1]).sum(), leaf)
    assert torch.allclose(found[:1], slope, atol=1e-6)


@pytest.mark.parametrize("named", [False, True])
def test_slopes_of_a_16_bit_network_meet_wider_numbers(named: bool):
    module, given, there = nn.PReLU(4).bfloat16(), points(2).bfloat16(), points(2, 3).bfloat16()

    def act(x: Tensor) -> Tensor:
        return F.prelu(x, weight=module.weight) if named else module(x)  # type: ignore[no-any-return]

    out, above, found = rescaled(act, given, there)
    rise = (act(given) - act(there)).detach().float() * above
    assert torch.equal(out, act(given))
    found = (found * (given - there)).float()
    assert torch.allclose(found, rise, rtol=0.05, atol=0.1)


@pytest.mark.parametrize(
    "pool",
    [
        nn.MaxPool2d(2),
        nn.MaxPool2d(3, stride=1),
        nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True),
        nn.AdaptiveMaxPool2d(2),
        lambda x: torch.max_pool2d(x, 3, 2),
        lambda x: F.max_pool2d(input=x, kernel_size=3),
    ],
    ids=["2", "3 by 1", "3 by 2, padded", "adaptive", "torch", "by keyword"],
)
def test_max_pooling_shares_its_difference_out(pool: Callable[[Tensor], Tensor]):
    given, there = (
        points(2, seed).contiguous(memory_format=torch.channels_last) for seed in (0, 3)
    )
    out, above, found = rescaled(pool, given, there)
    assert torch.equal(out, pool(given))
    shares = (found * (given - there)).sum((1, 2, 3))
    rise = ((pool(given) - pool(there)) * above).sum((1, 2, 3))
    assert torch.allclose(shares, rise, atol=1e-4)


def excited(x: Tensor) -> Tensor:
    return x.mean((2, 3), keepdim=True) * x


@pytest.mark.parametrize("bits", [torch.float32, torch.bfloat16, torch.float16])
def test_a_product_is_what_it_is_beside_any_reference(bits: torch.dtype):
    given, there = points(2).to(bits), 300 * points(2, seed=3).abs().to(bits)
    out, _, found = rescaled(excited, given, there)
    assert torch.equal(out, excited(given))
    assert found.dtype == bits


def test_a_product_shares_its_difference_out():
    given, there = points(2), points(2, seed=3)
    _, above, found = rescaled(excited, given, there)
    shares = (found * (given - there)).sum((1, 2, 3))
    rise = ((excited(given) - excited(there)) * above).sum((1, 2, 3))
    assert torch.allclose(shares, rise, atol=1e-4)


@pytest.mark.parametrize("given_by", [lambda x: F.relu(x, inplace=True), lambda x: F.relu(x, True)])
def test_an_activation_in_place_changes_what_it_was_given(given_by: Callable[[Tensor], Tensor]):
    def ignored(x: Tensor) -> Tensor:
        given_by(x)  # the value handed back is not used
        return x

    given, there = points(2), points(2, seed=3)
    out, above, found = rescaled(ignored, given, there)
    assert torch.equal(out, given.relu())
    rise = (given.relu() - there.relu()) * above
    assert torch.allclose(found * (given - there), rise, atol=1e-5)


def test_what_was_given_may_be_changed_later():
    def later(x: Tensor) -> Tensor:
        out = torch.tanh(x)
        x.mul_(3)  # not what tanh was given
        return out

    given, there = points(2), points(2, seed=3)
    kept, _ = References.of(lambda x: later(x * 1.0), there)
    assert torch.equal(kept.kept[0].given[0], there)
    assert kept.kept[0].unchanged()
    _, above, found = rescaled(later, given, there)
    rise = (given.tanh() - there.tanh()) * above
    assert torch.allclose(found * (given - there), rise, atol=1e-5)


def test_references_serve_any_number_of_images():
    there = points(2, seed=3)
    kept, _ = References.of(torch.tanh, there)
    for seed in (0, 1):
        leaf = points(2, seed).requires_grad_()
        with Rescale(kept):
            out = torch.tanh(leaf)
        (found,) = torch.autograd.grad(out.sum(), leaf)
        assert torch.allclose(found * (leaf - there), out - there.tanh(), atol=1e-5)


class Wrapped(nn.Module):
    """A small network, and what is done with it."""

    def __init__(self, way: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.net, self.way, self.state = toys.network(), way, torch.zeros(1, 3, 32, 32)

    def forward(self, x: Tensor) -> Tensor:
        return self.way(self, x)


def wrapped(way: Callable[[Any, Tensor], Tensor]) -> radar.Classifier:
    with toys.seeded(0):
        return toys.classifier(Wrapped(way).eval(), "net.block")


def more_where_light(net: Any, x: Tensor) -> Tensor:
    return net.net(x.tanh() if float(x.mean()) > 0 else x)  # type: ignore[no-any-return]


def more_at_the_end_where_dark(net: Any, x: Tensor) -> Tensor:
    logits: Tensor = net.net(x)
    return logits if float(x.mean()) > 0 else logits.tanh()


def remembering(net: Any, x: Tensor) -> Tensor:
    if not torch.is_grad_enabled():
        net.state.resize_(x.shape).copy_(x)
        return net.net(net.state.tanh())  # type: ignore[no-any-return]
    net.state.resize_(x.shape).copy_(x.detach())
    return net.net(x.tanh())  # type: ignore[no-any-return]


@pytest.mark.parametrize("way", [more_where_light, more_at_the_end_where_dark, remembering])
def test_a_network_that_goes_another_way_for_a_reference_is_told_of(
    way: Callable[[Any, Tensor], Tensor],
):
    model, light, dark = wrapped(way), torch.ones(1, 3, 32, 32), torch.zeros(1, 3, 32, 32)
    with pytest.raises(BadModel, match="DeepLIFT cannot compare them; SHAP can"):
        radar.explain(model, light, "deeplift", target="a", background=dark)
    assert radar.explain(model, light, "shap", target="a", background=dark).maps.any()


@pytest.mark.parametrize("name", ["deeplift", "guided_gradcam"])
def test_a_network_that_is_computed_again_on_the_way_back_is_told_of(name: str):
    model = wrapped(lambda net, x: checkpoint(net.net, x, use_reentrant=False))
    with pytest.raises(BadModel, match=r"checkpoints.*SHAP and LIME can"):
        radar.explain(model, toys.images(1), name, background=toys.images(2, seed=5))


def test_the_way_back_may_be_gone_twice():
    kept, _ = References.of(torch.tanh, points(2, seed=3))
    leaf = points(2).requires_grad_()
    with Rescale(kept):
        out = torch.tanh(leaf)
    once, again = (torch.autograd.grad(out.sum(), leaf, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(once, again)


class Sequence(nn.Module):
    """Places come first, images second."""

    def __init__(self) -> None:
        super().__init__()
        self.cut, self.wide, self.head = nn.Conv2d(3, 6, 8, 8), nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        places = self.cut(x).flatten(2).permute(2, 0, 1)[:13]
        return self.head(F.gelu(self.wide(places)).mean(0))  # type: ignore[no-any-return]


@pytest.mark.parametrize("size", [1, 2, 99])
def test_what_has_a_rule_does_not_hang_on_how_many_go_together(
    size: int, monkeypatch: pytest.MonkeyPatch
):
    with toys.seeded(0):
        model = toys.classifier(Sequence().eval(), "cut")
    monkeypatch.setattr(model, "measured_batch_size", lambda times=1: size)
    monkeypatch.setattr(deeplift, "batch_size", lambda *_, **__: size)
    images, background = toys.images(2), toys.images(4, seed=5)
    found = radar.explain(model, images, "deeplift", target="b", background=background)
    assert max(found.facts["completeness_gap"]) < 1e-4


def test_what_a_pair_takes_is_what_is_kept_twice_and_its_multipliers():
    kept, _ = References.of(lambda x: (x * 1.0).relu_().tanh(), points(2, seed=3))
    assert kept.taken == 2 * (2 + 1) * 4 * points(2).numel()
