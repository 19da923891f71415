"""RISE: equation 6 with plain loops on the masks the model was given."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import radar_core as radar
from radar_core.explainers import rise
from radar_core.explainers.masking import hidden_content
from tests import toys
from tests.explainers import games


def masks_given(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """The batches of masks that `read_masked` asks for, as they come."""
    read_masked, given = rise.read_masked, []

    def watched(model, image, hidden, shown, *rest, **more):
        def kept(start: int, end: int) -> Tensor:
            given.append(shown(start, end))
            return given[-1]

        return read_masked(model, image, hidden, kept, *rest, **more)

    monkeypatch.setattr(rise, "read_masked", watched)
    return given


@pytest.mark.parametrize("hide", ["image mean", "blurred", "black"])
def test_is_equation_6_less_the_mean_reading(hide: str, monkeypatch: pytest.MonkeyPatch):
    model, images = toys.linear(), toys.images(2)
    given = masks_given(monkeypatch)
    found = radar.explain(model, images, "rise", target="b", samples=60, hide=hide)
    masks = torch.cat(given)[:60, 0].double()
    hidden = hidden_content(images[0], None, hide)
    for image, one_map in zip(images, found.maps, strict=True):
        read = [
            float(model.probabilities((image * m + hidden * (1 - m)).float()[None])[0, 1])
            for m in masks
        ]
        expected = masks.mean()
        by_hand = torch.zeros(32, 32, dtype=torch.float64)
        for probability, mask in zip(read, masks, strict=True):
            by_hand += (probability - sum(read) / 60) * mask / (60 * expected)
        scale = float(by_hand.abs().max())
        assert torch.allclose(one_map.double(), by_hand, atol=2e-3 * scale)


def test_the_published_map_differs_by_the_cover_of_the_masks(monkeypatch: pytest.MonkeyPatch):
    model, image = toys.conv(), toys.images(1)[0]
    given = masks_given(monkeypatch)
    found = radar.explain(model, image, "rise", target="b", samples=400)
    masks = torch.cat(given)
    batch = image * masks + hidden_content(image, None, "blurred") * (1 - masks)
    read = model.probabilities(batch)[:, 1]
    published = (read[:, None, None] * masks[:, 0]).mean(0) / masks.mean()
    # Every mask comes with its complement: masks cover each pixel by a half exactly.
    assert torch.allclose(found[0], published - read.mean(), atol=1e-5)


@pytest.mark.parametrize("cells", [3, 7, 32])
def test_masks_are_smooth_and_come_with_their_complements(
    cells: int, monkeypatch: pytest.MonkeyPatch
):
    given = masks_given(monkeypatch)
    radar.explain(toys.conv(), toys.images(1), "rise", samples=40, cells=cells)
    masks = torch.cat(given)
    assert masks.shape == (40, 1, 32, 32)
    assert torch.allclose(masks[0::2] + masks[1::2], torch.ones(1), atol=1e-6)
    assert -1e-6 <= float(masks.min()) <= float(masks.max()) <= 1 + 1e-6
    steps = max(float(masks.diff(dim=d).abs().max()) for d in (2, 3))
    assert steps <= 1 / -(-32 // cells) + 1e-5
    assert len({tuple(m.flatten().tolist()) for m in masks}) == 40


def test_all_images_are_given_the_same_masks(monkeypatch: pytest.MonkeyPatch):
    given = masks_given(monkeypatch)
    radar.explain(toys.conv(), toys.images(3), "rise", samples=40)
    masks = torch.cat(given).view(3, 40, 32, 32)
    assert torch.equal(masks[0], masks[1])
    assert torch.equal(masks[0], masks[2])


def test_finds_the_tile_that_the_class_is_read_in():
    weights = torch.zeros(16)
    weights[[5, 10]] = torch.tensor([0.3, -0.3])
    model = toys.classifier(
        games.Tiles(weights).eval(), "pool", "ab", mean=(0.0,) * 3, std=(1.0,) * 3
    )
    white = torch.ones(3, 32, 32)
    more = {"target": "a", "hide": "black", "cells": 4, "samples": 2000}
    found = radar.explain(model, white, "rise", **more)[0]
    tiles = torch.stack([found[games.tiles() == s].mean() for s in range(16)])
    assert int(tiles.argmax()) == 5
    assert int(tiles.argmin()) == 10
    assert float(tiles[5]) > 0 > float(tiles[10])


def test_odd_samples_are_rounded_down_to_pairs():
    found = radar.explain(toys.conv(), toys.images(1), "rise", target="a", samples=41)
    assert found.facts == {"samples": 40, "grid": [7, 7]}
    assert found.passes.forward == 40


def test_small_batches_give_the_same_map(monkeypatch: pytest.MonkeyPatch):
    model, images = toys.conv(), toys.images(2)
    whole = radar.explain(model, images, "rise", samples=60)
    games.batches_of(monkeypatch, 7)
    parts = radar.explain(model, images, "rise", samples=60)
    assert torch.allclose(whole.maps, parts.maps, atol=1e-6)


@pytest.mark.parametrize("side", [1, 2, 5, 9, 33])
def test_masks_cover_an_image_of_any_size(side: int, monkeypatch: pytest.MonkeyPatch):
    given = masks_given(monkeypatch)
    model = radar.Classifier(toys.network(), "abc", cam_layer="block", input_size=side)
    found = radar.explain(model, toys.images(1, side=32)[..., :side, :side], "rise", samples=40)
    assert found.maps.shape == (1, side, side)
    assert bool(found.maps.isfinite().all())
    assert torch.cat(given).shape == (40, 1, side, side)


def test_more_samples_do_not_make_larger_batches_or_masks(monkeypatch: pytest.MonkeyPatch):
    games.batches_of(monkeypatch, 16)
    given = masks_given(monkeypatch)
    largest = {}
    for samples in (64, 2000):
        given.clear()
        model, batches = games.recorded(toys.network())
        found = radar.explain(model, toys.images(2), "rise", target="a", samples=samples)
        assert found.passes.forward == 2 * samples
        largest[samples] = (max(map(len, batches)), max(m.nbytes for m in given))
    assert largest[64] == largest[2000] == (16, 16 * 32 * 32 * 4)


def test_seeds_differ():
    model, image = toys.conv(), toys.images(1)
    one, other = (
        radar.explain(model, image, "rise", samples=40, seed=seed).maps for seed in (1, 2)
    )
    assert not torch.equal(one, other)
