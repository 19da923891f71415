"""DeepLIFT's rescale rule: each function that has a rule, and what goes between two passes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import radar_core as radar
from radar_core.errors import BadModel
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


def test_slopes_of_a_16_bit_network_meet_wider_numbers():
    act, given, there = nn.PReLU(4).bfloat16(), points(2).bfloat16(), points(2, seed=3).bfloat16()
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


def test_a_product_shares_its_difference_out():
    def excited(x: Tensor) -> Tensor:
        return x.mean((2, 3), keepdim=True) * x

    given, there = points(2), points(2, seed=3)
    out, above, found = rescaled(excited, given, there)
    assert torch.allclose(out, excited(given), atol=1e-6)
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


class Choosing(nn.Module):
    """Its steps depend on what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.net = toys.network()

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x.tanh() if float(x.mean()) > 0 else x)  # type: ignore[no-any-return]


def test_a_network_that_goes_another_way_for_a_reference_is_told_of():
    with toys.seeded(0):
        model = toys.classifier(Choosing().eval(), "net.block")
    light, dark = torch.ones(1, 3, 32, 32), torch.zeros(1, 3, 32, 32)
    with pytest.raises(BadModel, match="DeepLIFT cannot compare them; SHAP can"):
        radar.explain(model, light, "deeplift", background=dark)
    assert radar.explain(model, light, "shap", background=dark).maps.any()
