"""SmoothGrad: exact on a linear model, its mean re-derived, its draws."""

from __future__ import annotations

import pytest
import torch

import radar_core as radar
from radar_core.runtime import generator
from tests import toys


def test_is_saliency_on_a_linear_model():
    model, images = toys.linear(), toys.images(2)
    found = radar.explain(model, images, "smoothgrad", target="b", samples=8)
    plain = radar.explain(model, images, "saliency", target="b")
    assert torch.allclose(found.maps, plain.maps, rtol=1e-4)


def test_is_the_mean_gradient_over_the_same_noise_for_all():
    model, images = toys.conv(), toys.images(2)
    found = radar.explain(model, images, "smoothgrad", target="b", samples=12, noise=0.2, seed=4)
    draw = generator(4, "explain")
    noise = torch.stack([torch.randn(images.shape[1:], generator=draw) for _ in range(12)])
    sigma = 0.2 * float(images[0].max() - images[0].min())
    for image, found_map in zip(images, found.maps, strict=True):
        points = (image + sigma * noise).requires_grad_()
        with model.held():
            (gradient,) = torch.autograd.grad(model(points)[:, 1].sum(), points)
        assert torch.allclose(found_map, gradient.mean(0).abs().amax(0), rtol=1e-4, atol=1e-8)
    assert found.facts == {"samples": 12, "sigma": pytest.approx(sigma)}


def test_draws_do_not_depend_on_the_memory(monkeypatch: pytest.MonkeyPatch):
    model, images = toys.conv(), toys.images(2)
    whole = radar.explain(model, images, "smoothgrad", samples=12)
    monkeypatch.setattr(model, "measured_batch_size", lambda times=1: 5)
    parts = radar.explain(model, images, "smoothgrad", samples=12)
    assert torch.allclose(whole.maps, parts.maps, rtol=1e-4, atol=1e-8)


def test_an_image_of_one_colour_has_no_noise():
    model, image = toys.conv(), torch.full((1, 3, 32, 32), 0.5)
    found = radar.explain(model, image, "smoothgrad", samples=4)
    plain = radar.explain(model, image, "saliency")
    assert found.facts["sigma"] == 0
    assert torch.allclose(found.maps, plain.maps, rtol=1e-4, atol=1e-8)
