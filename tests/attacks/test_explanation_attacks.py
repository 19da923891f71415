"""Attacks on the explanation: they see Grad-CAM, and move or keep it as they say."""

from __future__ import annotations

import pytest
import torch

import radar_core as radar
from radar_core.attacks.evidence import evidence, share
from radar_core.attacks.two_goals import across
from radar_core.data import open_data
from radar_core.errors import BadModel
from tests import toys

EPS = "4/255"


@pytest.fixture(scope="module")
def model():
    return radar.load_model("phantom")


@pytest.fixture(scope="module")
def images(model):
    test = open_data("phantom").split("test")
    return torch.cat([model.prepare(test[n].image) for n in (0, 1, 2)])


def cells(model, images, classes=None):
    """Grad-CAM as shares of its cells."""
    with model.held(), torch.enable_grad():
        maps, _ = evidence(model, images.clone().requires_grad_(), classes)
    return share(maps.detach())


def test_the_map_attacked_is_grad_cam(model, images):
    with model.held(), torch.enable_grad():
        maps, logits = evidence(model, images.clone().requires_grad_(), None)
    large = torch.nn.functional.interpolate(maps[:, None], images.shape[-2:], mode="bilinear")
    for n, image in enumerate(images):
        target = model.class_names[int(logits[n].argmax())]
        found = radar.explain(model, image[None], "gradcam", target=target).maps[0]
        torch.testing.assert_close(large[n, 0].detach(), found, rtol=1e-3, atol=1e-5)


def test_its_gradient_is_the_true_one(images):
    """By finite differences, in float64, small enough that no unit is switched on or off."""
    model = toys.conv()
    model.double()
    chance = torch.Generator().manual_seed(0)
    x = torch.rand(1, 3, toys.SIDE, toys.SIDE, generator=chance, dtype=torch.float64)
    step = torch.randn(x.shape, generator=chance, dtype=torch.float64)

    def value(at):
        maps, _ = evidence(model, at, torch.tensor([0]))
        return (maps * torch.arange(maps.numel()).view_as(maps)).sum()

    with model.held(), torch.enable_grad():
        leaf = x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(value(leaf), leaf)
        small = 1e-8
        up, down = (value((x + s * small * step).requires_grad_()) for s in (1, -1))
    slope = float((up - down).detach() / (2 * small))
    assert float((gradient * step).sum()) == pytest.approx(slope, rel=1e-3, abs=1e-6)


def test_adv2_turns_the_reading_and_moves_the_map_less_than_pgd(model, images):
    plain = radar.attack(model, images, "pgd", EPS, steps=10)
    quiet = radar.attack(model, images, "adv2", EPS, steps=10)
    assert quiet.status.count("flipped") >= plain.status.count("flipped") > 0
    read = model(images).argmax(1)
    clean = cells(model, images, read)
    moved, kept = (
        (cells(model, result.images, read) - clean).square().sum((1, 2))
        for result in (plain, quiet)
    )
    both = [a == b == "flipped" for a, b in zip(plain.status, quiet.status, strict=True)]
    assert kept[both].mean() < 0.7 * moved[both].mean()


def test_topk_leaves_the_strongest_cells_and_the_reading(model, images):
    result = radar.attack(model, images, "topk", EPS, steps=10)
    assert set(result.status) == {"held"}
    read = model(images).argmax(1)
    clean, moved = cells(model, images, read).flatten(1), cells(model, result.images, read)
    strongest = clean.topk(max(1, round(clean.shape[1] / 10)), 1).indices
    before, after = (c.flatten(1).gather(1, strongest).sum(1) for c in (clean, moved))
    assert (after < 0.8 * before).all()


def test_manipulation_draws_the_map_into_its_corner(model, images):
    read = model(images).argmax(1)
    for corner, where in (("top left", (slice(0, 4), slice(0, 4))),
                          ("bottom right", (slice(3, None), slice(3, None)))):  # fmt: skip
        result = radar.attack(model, images[:2], "manipulation", EPS, steps=10, corner=corner)
        assert set(result.status) == {"held"}
        before, after = (
            cells(model, x, read[:2])[:, where[0], where[1]].sum((1, 2))
            for x in (images[:2], result.images)
        )
        assert (after > before + 0.1).all(), corner


def test_a_model_without_a_layer_for_grad_cam_is_refused():
    model = radar.Classifier(toys.network(), "abc", cam_layer="", input_size=toys.SIDE)
    for name in ("adv2", "topk", "manipulation"):
        with pytest.raises(BadModel, match="no layer for Grad-CAM"):
            radar.attack(model, toys.images(1), name, EPS)


def test_what_is_across_is_at_right_angles():
    generator = torch.Generator().manual_seed(1)
    one, other = torch.randn((2, 3, 3, 8, 8), generator=generator)
    rest = across(one, other)
    assert (rest * other).sum((1, 2, 3)).abs().max() < 1e-2
    assert not across(2 * other, other).any(), "nothing is left of parallel ones but rounding"
