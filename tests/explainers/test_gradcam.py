"""Grad-CAM by its formula, beside captum, and on models that are awkward to hook."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from captum.attr import LayerAttribution, LayerGradCam
from torch import Tensor, nn

import radar_core as radar
from radar_core.errors import BadModel
from tests import toys


class Tiny(nn.Module):
    """Two channels, global mean, linear: Grad-CAM is Σ weight/area · channel."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 3, stride=4, padding=1)
        self.head = nn.Linear(2, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.relu(self.conv(x), inplace=True).mean((2, 3)))


def tiny() -> radar.Classifier:
    with toys.seeded(0):
        return toys.classifier(Tiny().eval(), "conv")


def test_equals_the_formula_worked_by_hand():
    model, images = tiny(), toys.images(2)
    found = radar.explain(model, images, "gradcam", target="b")
    with torch.no_grad():
        channels = model.module.conv((images - model.mean) / model.std)
        # dz/dA = weight / area where the channel is positive, so its mean is weight · share / area
        share = (channels > 0).float().mean((2, 3), keepdim=True)
        weights = model.module.head.weight[1].view(1, 2, 1, 1) * share / channels[0, 0].numel()
        coarse = F.relu((weights * channels).sum(1, keepdim=True))
        by_hand = F.interpolate(coarse, (32, 32), mode="bilinear")[:, 0]
    assert bool(by_hand.any())
    assert torch.allclose(found.maps, by_hand, rtol=1e-4, atol=1e-8)
    assert found.facts == {"layer": "conv", "grid": [8, 8], "empty": [False, False]}


def test_equals_captum_on_unheld_weights():
    model, images = toys.conv(), toys.images(3)
    found = radar.explain(model, images, "gradcam", target="c")
    layer_map = LayerGradCam(model, model.cam_layer).attribute(
        images.clone().requires_grad_(), 2, relu_attributions=True
    )
    upsampled = LayerAttribution.interpolate(layer_map, (32, 32), "bilinear")[:, 0]
    assert torch.allclose(found.maps, upsampled.detach(), rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("layer", ["first.0", "first.1", "first", "block", "act"])
def test_in_place_activations_do_not_spoil_a_layer(layer: str):
    model, images = toys.classifier(toys.network(), layer), toys.images(2)
    found = radar.explain(model, images, "gradcam")
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    plain = radar.explain(model, images, "gradcam")
    assert bool(plain.maps.any())
    assert torch.allclose(found.maps, plain.maps, rtol=1e-5, atol=1e-9)


def test_a_class_that_no_place_speaks_for_has_an_empty_map():
    model = toys.classifier(toys.network(), "act")
    with torch.no_grad():
        model.module.head.weight[2] = -1.0
    found = radar.explain(model, toys.images(1), "gradcam", target="c")
    assert not found.maps.any()
    assert found.facts["empty"] == [True]


def test_one_backward_pass_an_image():
    found = radar.explain(toys.conv(), toys.images(2), "gradcam", target="a")
    assert (found.passes.forward, found.passes.backward) == (2, 2)


class Unused(toys.Net):
    def __init__(self) -> None:
        super().__init__()
        self.spare = nn.Conv2d(3, 3, 1)


@pytest.mark.parametrize(("net", "layer"), [(toys.Net, "head"), (Unused, "spare")])
def test_a_layer_without_a_map_is_refused(net: type[nn.Module], layer: str):
    model = toys.classifier(net().eval(), layer)
    before = toys.module_state(model)
    with pytest.raises(BadModel, match="convolutional block"):
        radar.explain(model, toys.images(1), "gradcam")
    assert toys.module_state(model) == before
