"""Guided Grad-CAM beside captum, on in-place networks and on other rectifiers."""

from __future__ import annotations

import pytest
import torch
from captum.attr import GuidedGradCam
from torch import nn

import radar_core as radar
from radar_core.errors import BadModel
from radar_core.explainers.backward_rules import Guided
from radar_core.explainers.gradients import input_gradient
from tests import toys
from tests.explainers import networks


def test_equals_captum_where_its_hooks_work():
    model, images = networks.plain(), toys.images(2)
    found = radar.explain(model, images, "guided_gradcam", target="c")
    with model.held(), pytest.warns(UserWarning, match="Setting backward hooks on ReLU"):
        theirs = GuidedGradCam(model, model.cam_layer).attribute(
            images.clone().requires_grad_(), target=2, interpolate_mode="bilinear"
        )
    assert bool(found.maps.any())
    assert torch.allclose(found.maps, theirs.detach().abs().amax(1), rtol=1e-4, atol=1e-10)
    assert found.facts["rectifiers"] == 3


def test_in_place_activations_do_not_spoil_it():
    model, images = networks.calibrated("resnet18"), toys.images(1, side=64)
    found = radar.explain(model, images, "guided_gradcam", target="b")
    for part in model.modules():
        if isinstance(part, nn.ReLU):
            part.inplace = False
    plain = radar.explain(model, images, "guided_gradcam", target="b")
    assert bool(plain.maps.any())
    assert torch.allclose(found.maps, plain.maps, rtol=1e-3, atol=1e-5 * float(plain.maps.max()))
    assert found.facts["rectifiers"] == 17


def test_another_rectifier_hands_back_with_its_own_slope():
    class One(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            up = nn.functional.silu(x).mean((1, 2, 3))
            return torch.stack([up, -up], dim=1)

    model = toys.classifier(One().eval(), "", "ab", mean=(0.5,) * 3, std=(1.0,) * 3)
    images = toys.images(1)
    for target, sign in ((0, 1), (1, -1)):
        with model.held():
            found, _ = input_gradient(model, images, torch.tensor([target]), Guided())
        x = (images - 0.5).requires_grad_()
        (slope,) = torch.autograd.grad(nn.functional.silu(x).sum(), x)
        passed = slope * (x > 0) * (sign > 0) / images.numel()
        assert torch.allclose(found, passed.detach(), atol=1e-9)


def test_a_network_without_rectifiers_says_so():
    model, images = toys.linear(), toys.images(1)
    found = radar.explain(model, images, "guided_gradcam", target="b")
    coarse = radar.explain(model, images, "gradcam", target="b")
    plain = radar.explain(model, images, "saliency", target="b")
    assert found.facts["rectifiers"] == 0
    assert torch.allclose(found.maps, plain.maps * coarse.maps, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("name", ["gradcam", "gradcampp", "guided_gradcam"])
def test_a_layer_of_one_cell_is_refused(name: str):
    with toys.seeded(0):
        module = nn.Sequential(toys.Net().first, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        module.append(nn.Linear(8, 3)).eval()
    with pytest.raises(BadModel, match="whole image of 32 px as one cell"):
        radar.explain(toys.classifier(module, "1"), toys.images(1), name)


@pytest.mark.parametrize("name", ["gradcampp", "guided_gradcam"])
def test_a_layer_without_a_map_is_refused(name: str):
    model = toys.classifier(toys.Net().eval(), "head")
    with pytest.raises(BadModel, match="convolutional block"):
        radar.explain(model, toys.images(1), name)
