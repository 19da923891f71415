"""Replaced backward passes: which functions are met, in which thread, and that nothing stays."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import _get_current_function_mode_stack

import radar_core as radar
from radar_core.explainers.backward_rules import Guided
from tests import toys
from tests.explainers import networks

MODULES = (
    *(nn.ReLU(), nn.ReLU(inplace=True), nn.ReLU6(inplace=True), nn.SiLU(inplace=True), nn.GELU()),
    *(nn.Hardswish(inplace=True), nn.LeakyReLU(0.2, inplace=True), nn.ELU(inplace=True)),
    *(nn.SELU(), nn.CELU(), nn.Mish(), nn.Softplus(), nn.PReLU(4), nn.Hardtanh(-0.5, 0.5)),
)
FUNCTIONS = (torch.relu, torch.relu_, F.relu, Tensor.relu, Tensor.relu_, F.elu_, F.leaky_relu_)


def named(operation: object) -> str:
    """How a test is called: without addresses, which differ between processes."""
    return re.sub(r" (of type object )?at 0x\w+", "", str(operation))


def points(count: int = 4, seed: int = 0) -> Tensor:
    """Of either sign, awkward numbers among them."""
    drawn = torch.randn((count, 4, 9, 9), generator=torch.Generator().manual_seed(seed))
    drawn.view(-1)[:4] = torch.tensor([0.0, -0.0, 7.0, -7.0])
    return drawn


def passed(
    function: Callable[[Tensor], Tensor], given: Tensor, rule: torch.overrides.TorchFunctionMode
) -> tuple[Tensor, Tensor, Tensor]:
    """Value, a mixed gradient above it, and what the rule makes of it."""
    leaf = given.clone().requires_grad_()
    with rule:
        out = function(leaf * 1.0)
    above = torch.randn(out.shape, generator=torch.Generator().manual_seed(1))
    (gradient,) = torch.autograd.grad((out * above).sum(), leaf)
    return out.detach(), above, gradient


@pytest.mark.parametrize("function", [*MODULES, *FUNCTIONS], ids=named)
def test_a_rectifier_hands_back_what_is_positive(function: Callable[[Tensor], Tensor]):
    given, rule = points(), Guided()
    out, above, found = passed(function, given, rule)
    leaf = given.clone().requires_grad_()
    plain = function(leaf * 1.0)
    (slope,) = torch.autograd.grad(plain.sum(), leaf)
    assert rule.met == 1
    assert torch.allclose(out, plain.detach(), rtol=1e-6)
    expected = slope * (given > 0) * above.clamp(min=0)
    assert torch.allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("given_by", [lambda x: F.relu(x, inplace=True), lambda x: F.relu(x, True)])
def test_an_activation_in_place_changes_what_it_was_given(given_by: Callable[[Tensor], Tensor]):
    def ignored(x: Tensor) -> Tensor:
        given_by(x)  # the value handed back is not used
        return x

    out, above, found = passed(ignored, points(), Guided())
    assert torch.equal(out, points().relu())
    assert torch.equal(found, above.clamp(min=0) * (points() > 0))


@pytest.mark.parametrize("name", ["deeplift", "guided_gradcam"])
def test_two_threads_with_two_models_do_not_meet(name: str):
    models = [toys.conv(), networks.plain(nn.SiLU)]
    images, background = toys.images(2), toys.images(4, seed=5)

    def work(model: radar.Classifier) -> list[Tensor]:
        return [
            radar.explain(model, images, each, target="b", background=background).maps
            for each in (name, "saliency", name) * 8
        ]

    alone = [work(model) for model in models]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(work, models))
    for one, other in zip(alone, together, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("name", ["deeplift", "guided_gradcam"])
def test_no_rule_stays_open_after_an_error(name: str):
    module = toys.Counted(toys.network(), fail=2)
    with pytest.raises(RuntimeError, match="out of memory"):
        radar.explain(toys.classifier(module, "module.block"), toys.images(1), name)
    assert not _get_current_function_mode_stack()


@pytest.mark.parametrize(
    "name",
    [
        *("gradcam", "gradcampp", "guided_gradcam"),
        *("integrated_gradients", "smoothgrad", "saliency", "deeplift"),
    ],
)
def test_16_bit_networks_give_maps_of_32(name: str):
    with toys.seeded(0):
        module = networks.Half().eval()
        full = networks.Half().net.float().eval()
    full.load_state_dict(module.net.state_dict())
    images, background = toys.images(2), toys.images(4, seed=5)
    half, wide = (
        radar.explain(toys.classifier(m, layer), images, name, target="c", background=background)
        for m, layer in ((module, "net.layers.4"), (full, "layers.4"))
    )
    assert half.maps.dtype == torch.float32
    pair = torch.stack([half.maps.flatten(), wide.maps.flatten()])
    assert float(torch.corrcoef(pair)[0, 1]) > 0.9
