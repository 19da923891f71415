"""FGSM by its formula, and beside torchattacks."""

from __future__ import annotations

import torch
import torchattacks

import radar_core as radar
from tests import toys


def test_is_the_sign_of_the_weights_on_a_linear_model():
    model, images = toys.linear(2), toys.images()
    result = radar.attack(model, images, "fgsm", "8/255")
    weight = model.module.head.weight.detach().view(2, 3, toys.SIDE, toys.SIDE)
    for image, attacked, reading in zip(images, result.images, result.readings_clean, strict=True):
        read = model.index(reading.label)
        by_hand = (image + 8 / 255 * (weight[1 - read] - weight[read]).sign()).clamp(0, 1)
        assert torch.allclose(attacked, by_hand, rtol=0, atol=1e-7)


def test_radius_of_each_channel_in_normalised_units():
    result = radar.attack(toys.linear(2), 0.5 * torch.ones(3, 32, 32), "fgsm", "normalised:0.1")
    reached = (result.images - result.clean).abs().amax((0, 2, 3))
    assert torch.allclose(reached, 0.1 * torch.tensor([0.229, 0.224, 0.225]), atol=1e-6)


def test_equals_torchattacks():
    model, images = toys.conv(), toys.images(16)
    read = torch.tensor([model.index(r.label) for r in model.read(images)])
    with model.held():
        theirs = torchattacks.FGSM(model, eps=8 / 255)(images, read)
    ours = radar.attack(model, images, "fgsm", "8/255").images
    # The sign of a gradient of rounding size may differ between two ways to write one loss.
    same = (ours - theirs).abs() < 1e-6
    assert float(same.float().mean()) > 0.999


def test_costs_two_readings_and_one_gradient():
    result = radar.attack(toys.conv(), toys.images(3), "fgsm", "8/255")
    assert (result.passes.forward, result.passes.backward) == (6, 3)
