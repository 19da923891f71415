"""Integrated gradients: exact where known, beside captum, and what they add up to."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from captum.attr import IntegratedGradients

import radar_core as radar
from radar_core.explainers import integrated_gradients
from tests import toys
from tests.explainers import networks


def test_is_the_weight_times_the_difference_on_a_linear_model():
    model, images, background = toys.linear(), toys.images(2), toys.images(5, seed=5)
    found = radar.explain(
        model, images, "integrated_gradients", target="b", background=background, steps=4
    )
    weight = model.module.head.weight.detach()[1].view(3, 32, 32) / model.std
    by_hand = (weight * (images - background.mean(0))).sum(1)
    assert torch.allclose(found.maps, by_hand, rtol=1e-4, atol=1e-6)
    assert max(found.facts["completeness_gap"]) < 1e-4


@pytest.mark.parametrize("name", ["background mean", "black", "blurred"])
def test_equals_captum_from_each_baseline(name: str):
    model, images, background = networks.plain(), toys.images(2), toys.images(5, seed=5)
    found = radar.explain(
        model, images, "integrated_gradients", target="b", background=background, baseline=name
    )
    start = {
        "background mean": background.mean(0, keepdim=True),
        "black": torch.zeros_like(images[:1]),
        "blurred": F.interpolate(F.adaptive_avg_pool2d(images[:1], 8), (32, 32), mode="bilinear"),
    }[name]
    with model.held():
        theirs = IntegratedGradients(model).attribute(images, start, target=1, n_steps=32)
        with torch.no_grad():
            moved = (model(images) - model(start))[:, 1]
    assert torch.allclose(found.maps, theirs.detach().sum(1), rtol=1e-3, atol=1e-7)
    assert found.facts["baseline"] == name
    assert found.facts["difference"] == pytest.approx(moved.tolist(), rel=1e-4)
    off = (found.maps.sum((1, 2)) - moved).abs() / moved.abs()
    assert found.facts["completeness_gap"] == pytest.approx(off.tolist(), rel=1e-2, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "bound"),
    # An untrained RegNet has shattered gradients: 256 steps are far from enough, and it is said.
    [("resnet18", 0.1), ("regnet_x_400mf", None), ("efficientnet_b0", 0.01)],
)
def test_more_steps_close_the_gap(name: str, bound: float | None):
    model, images = networks.calibrated(name), toys.images(1, side=64)
    few, many = (
        radar.explain(model, images, "integrated_gradients", target="b", steps=steps)
        for steps in (4, 256)
    )
    gap = many.facts["completeness_gap"][0]
    assert gap < few.facts["completeness_gap"][0]
    assert gap < bound if bound else gap > 1


def test_adds_up_on_the_toy():
    found = radar.explain(toys.conv(), toys.images(3), "integrated_gradients", target="b")
    assert max(found.facts["completeness_gap"]) < 0.02


def test_small_batches_give_the_same_map(monkeypatch: pytest.MonkeyPatch):
    model, images = toys.conv(), toys.images(2)
    whole = radar.explain(model, images, "integrated_gradients")
    monkeypatch.setattr(integrated_gradients, "batch_size", lambda *_, **__: 7)
    monkeypatch.setattr(model, "measured_batch_size", lambda times=1: 7)
    parts = radar.explain(model, images, "integrated_gradients")
    assert torch.allclose(whole.maps, parts.maps, rtol=1e-4, atol=1e-7)
    assert whole.passes == parts.passes
