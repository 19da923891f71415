"""DeepLIFT: exact where known, beside captum, and what it adds up to."""

from __future__ import annotations

import pytest
import torch
from captum.attr import DeepLiftShap
from torch import nn

import radar_core as radar
from radar_core.explainers import deeplift
from tests import toys
from tests.explainers import networks


def test_is_the_weight_times_the_difference_on_a_linear_model():
    model, images, background = toys.linear(), toys.images(2), toys.images(5, seed=5)
    found = radar.explain(model, images, "deeplift", target="b", background=background)
    weight = model.module.head.weight.detach()[1].view(3, 32, 32) / model.std
    by_hand = (weight * (images - background.mean(0))).sum(1)
    assert torch.allclose(found.maps, by_hand, rtol=1e-4, atol=1e-6)
    assert found.facts["references"] == 5


@pytest.mark.parametrize("kind", [nn.ReLU, nn.LeakyReLU, nn.ELU, nn.Sigmoid, nn.Tanh, nn.Softplus])
def test_equals_captum_where_it_has_a_rule(kind: type[nn.Module]):
    model, images, background = networks.plain(kind), toys.images(2), toys.images(4, seed=5)
    found = radar.explain(model, images, "deeplift", target="b", background=background)
    with model.held(), pytest.warns(UserWarning, match="Setting forward, backward hooks"):
        theirs = DeepLiftShap(model).attribute(images, background, target=1)
    expected = theirs.detach().sum(1)
    assert torch.allclose(found.maps, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize(
    ("name", "gap"),
    [
        ("resnet18", 1e-4),  # max-pooling over windows that overlap
        ("regnet_x_400mf", 1e-4),
        ("densenet201", 1e-4),  # functional ReLU
        ("efficientnet_b0", 1e-3),  # SiLU and squeeze-and-excitation
        ("mobilenet_v3_small", 1e-3),  # hard-swish and hard-sigmoid
    ],
)
def test_adds_up_on_networks_that_hooks_fail_on(name: str, gap: float):
    model, images = networks.calibrated(name), toys.images(2, side=64)
    background = toys.images(3, seed=5, side=64)
    found = radar.explain(model, images, "deeplift", target="b", background=background)
    with torch.no_grad(), model.held():
        moved = model(images)[:, 1] - model(background)[:, 1].mean()
    assert float(moved.abs().min()) > 1e-3
    assert found.maps.sum((1, 2)).tolist() == pytest.approx(moved.tolist(), rel=10 * gap)
    assert max(found.facts["completeness_gap"]) < gap


def test_says_what_a_function_without_a_rule_costs():
    with toys.seeded(0):
        normed = nn.Sequential(nn.Conv2d(3, 4, 8, 8), nn.LayerNorm([4, 4, 4]), nn.Flatten())
        module = nn.Sequential(normed, nn.Linear(64, 3)).eval()
    found = radar.explain(toys.classifier(module, "0.0"), toys.images(1), "deeplift", target="b")
    total, moved = float(found.maps.sum()), found.facts["difference"][0]
    assert found.facts["completeness_gap"][0] > 0.01
    assert found.facts["completeness_gap"][0] == pytest.approx(
        abs(total - moved) / abs(moved), rel=0.01
    )


def test_takes_no_more_references_than_asked_or_there_are():
    model, images, background = toys.conv(), toys.images(1), toys.images(5, seed=5)
    found = radar.explain(
        model, images, "deeplift", target="a", background=background, references=2
    )
    first = radar.explain(model, images, "deeplift", target="a", background=background[:2])
    assert torch.equal(found.maps, first.maps)
    assert (found.passes.forward, found.passes.backward) == (4, 2)


def test_references_pass_once_for_all_images():
    model, images, background = toys.conv(), toys.images(3), toys.images(5, seed=5)
    found = radar.explain(model, images, "deeplift", target="b", background=background)
    assert (found.passes.forward, found.passes.backward) == (5 + 3 * 5, 3 * 5)
    for k in range(3):
        alone = radar.explain(
            model, images[k : k + 1], "deeplift", target="b", background=background
        )
        assert torch.allclose(found.maps[k : k + 1], alone.maps, rtol=1e-4, atol=1e-7)


def test_small_batches_give_the_same_map(monkeypatch: pytest.MonkeyPatch):
    model, images, background = toys.conv(), toys.images(2), toys.images(5, seed=5)
    whole = radar.explain(model, images, "deeplift", background=background)
    for size in (1, 2):
        monkeypatch.setattr(model, "measured_batch_size", lambda times, size=size: size)
        monkeypatch.setattr(deeplift, "batch_size", lambda *_, size=size, **__: size)
        parts = radar.explain(model, images, "deeplift", background=background)
        assert torch.allclose(whole.maps, parts.maps, rtol=1e-4, atol=1e-7)


def test_an_image_that_is_the_reference_has_no_evidence():
    images = toys.images(1)
    found = radar.explain(toys.conv(), images, "deeplift", background=images)
    assert not found.maps.any()
    assert found.facts["completeness_gap"] == [0.0]
