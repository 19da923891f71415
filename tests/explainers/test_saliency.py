"""Saliency beside captum, and where it is known."""

from __future__ import annotations

import pytest
import torch
from captum.attr import Saliency

import radar_core as radar
from radar_core.errors import BadModel
from tests import toys
from tests.explainers import networks


def test_equals_captum():
    model, images = toys.conv(), toys.images(3)
    found = radar.explain(model, images, "saliency", target="c")
    theirs = Saliency(model).attribute(images.clone().requires_grad_(), target=2)
    assert torch.allclose(found.maps, theirs.amax(1), rtol=1e-5, atol=1e-9)


def test_is_the_largest_weight_of_a_linear_model():
    model = toys.linear()
    found = radar.explain(model, toys.images(1), "saliency", target="b")
    weight = model.module.head.weight.detach()[1].view(3, 32, 32) / model.std
    assert torch.allclose(found.maps[0], weight.abs().amax(0), rtol=1e-5)


@pytest.mark.parametrize(
    "name",
    [
        *("gradcam", "gradcampp", "guided_gradcam"),
        *("integrated_gradients", "smoothgrad", "saliency", "deeplift"),
    ],
)
def test_a_model_without_gradients_is_refused(name: str):
    model = toys.classifier(networks.Detached().eval(), "net.block")
    before = toys.module_state(model)
    with pytest.raises(BadModel, match="have no gradient"):
        radar.explain(model, toys.images(1), name)
    assert toys.module_state(model) == before


def test_a_gradient_of_nothing_is_a_map_of_nothing():
    for name in ("integrated_gradients", "smoothgrad", "saliency", "deeplift"):
        assert not radar.explain(toys.flat(), toys.images(1), name).maps.any()
