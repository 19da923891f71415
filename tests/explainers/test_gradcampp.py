"""Grad-CAM++ by its formula."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

import radar_core as radar
from radar_core.explainers.gradcampp import weights
from tests import toys
from tests.explainers import networks


@pytest.mark.parametrize("layer", ["first", "act"])  # channels after a ReLU, as in the paper
def test_equals_the_closed_form(layer: str):
    model, images = toys.classifier(toys.network(), layer), toys.images(2)
    for part in model.modules():
        if isinstance(part, torch.nn.ReLU):
            part.inplace = False
    found = radar.explain(model, images, "gradcampp", target="b")
    held = []
    with model.held(), torch.enable_grad():
        hook = model.cam_layer.register_forward_hook(lambda _m, _i, out: held.append(out))
        logits = model(images.clone().requires_grad_())
        hook.remove()
        (g,) = torch.autograd.grad(logits[:, 1].sum(), held[0])
    a, g = held[0].detach().double(), g.double()
    below = 2 * g**2 + a.sum((2, 3), keepdim=True) * g**3
    alpha = torch.where(g != 0, g**2 / below, 0)
    channels = (alpha * F.relu(g)).sum((2, 3), keepdim=True)
    coarse = F.relu((channels * a).sum(1, keepdim=True)).float()
    by_hand = F.interpolate(coarse, (32, 32), mode="bilinear")[:, 0]
    assert bool(by_hand.any())
    assert torch.allclose(found.maps, by_hand, rtol=1e-4, atol=1e-7)


def test_small_gradients_are_not_lost_in_their_third_power():
    held = toys.images(1, side=4)
    g = 1e-20 * held
    assert torch.allclose(weights(held, g), (g / 2).sum((2, 3)))


def test_negative_activations_neither_blow_up_nor_turn_a_weight():
    held = torch.full((1, 2, 2, 2), -0.5)
    for g in (0.9, 1.0, 1.1, 50.0):  # 2 + ΣA·g passes through 0
        found = weights(held, torch.full_like(held, g))
        assert bool((found > 0).all())
        assert float(found.max()) <= 4 * g * (1 + 1e-6)


def test_differs_from_gradcam_and_states_its_layer():
    model, images = networks.plain(), toys.images(1)
    found = radar.explain(model, images, "gradcampp")
    assert not torch.allclose(found.maps, radar.explain(model, images, "gradcam").maps)
    assert found.facts == {"layer": "layers.4", "grid": [8, 8], "empty": [False]}
