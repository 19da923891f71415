"""The designs of masks, when sampling stops, and what is shared by the images of a pair."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

import radar_core as radar
from radar_core.explainers import superpixels
from radar_core.explainers.superpixels import agreement, orthogonal_block, top
from radar_core.runtime import generator
from tests import toys
from tests.explainers import games

both = pytest.mark.parametrize("name", ["lime", "kernelshap"])
each_count = pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 15, 16, 31, 50, 63, 64])


def block(count: int, seed: int = 0) -> Tensor:
    return orthogonal_block(count, generator(seed, "block"))


def order_of(batches: list[Tensor], image: Tensor, segments: Tensor) -> Tensor:
    """The masks that a model was given, read off the pixels: hidden is black."""
    shown = torch.cat(batches)
    parts = [shown[:, 0][:, segments == s] for s in range(int(segments.max()) + 1)]
    whole = [image[0][segments == s] for s in range(int(segments.max()) + 1)]
    masks = torch.stack([p.any(1) for p in parts], dim=1)
    rebuilt = torch.stack([m[segments] * image for m in masks])
    assert torch.equal(rebuilt, shown)
    assert all(w.any() for w in whole)
    return masks


@each_count
def test_each_superpixel_is_hidden_in_half_of_a_block(count: int):
    masks = block(count)
    assert masks.dtype == torch.bool
    assert masks.shape[1] == count
    assert masks.sum(0).tolist() == [len(masks) // 2] * count


@each_count
def test_each_pair_of_superpixels_takes_each_state_in_a_quarter_of_a_block(count: int):
    masks = block(count)
    for one, other in itertools.combinations(range(count), 2):
        states = 2 * masks[:, one].int() + masks[:, other].int()
        assert states.bincount(minlength=4).tolist() == [len(masks) // 4] * 4


@each_count
def test_interactions_of_two_are_orthogonal_to_every_single_superpixel(count: int):
    signs = block(count).double() * 2 - 1
    for one, other in itertools.combinations(range(min(count, 16)), 2):
        assert not (signs[:, one] * signs[:, other] @ signs).any()


@each_count
def test_complements_follow_each_other(count: int):
    masks = block(count)
    assert bool((masks[0::2] ^ masks[1::2]).all())


def test_blocks_are_drawn_from_their_generator_alone():
    before = toys.global_random_state()
    assert torch.equal(block(20, 1), block(20, 1))
    assert not torch.equal(block(20, 1), block(20, 2))
    assert toys.global_random_state() == before
    draws = generator(1, "block")
    assert not torch.equal(orthogonal_block(20, draws), orthogonal_block(20, draws))


def test_any_one_mask_shows_each_superpixel_as_often_as_not():
    first = torch.stack([block(6, seed)[0] for seed in range(400)]).double()
    assert first.mean(0).tolist() == pytest.approx([0.5] * 6, abs=0.08)
    assert len(first.unique(dim=0)) == 64


def test_superpixels_are_numbered_without_gaps():
    for image in (toys.images(1)[0], torch.full((3, 32, 32), 0.5), toys.images(1, side=8)[0]):
        segments = superpixels.superpixels(image, 30)
        assert segments.unique().tolist() == list(range(int(segments.max()) + 1))
        assert segments.shape == image.shape[1:]
        assert segments.dtype == torch.int64


def test_top_five_are_those_of_the_largest_magnitude():
    coefficients = np.array([0.1, -0.9, 0.0, 0.3, -0.2, 0.8, 0.05])
    assert top(coefficients) == {1, 5, 3, 4, 0}
    assert top(np.zeros(3)) == {0, 1, 2}
    assert agreement(coefficients, -coefficients) == 1
    assert agreement(np.arange(10.0), np.arange(10.0)[::-1]) == 0


@both
def test_sampling_stops_when_the_strongest_five_hold(name: str, monkeypatch: pytest.MonkeyPatch):
    games.segmented(monkeypatch, games.tiles())
    model, _ = games.tiled()
    white = torch.ones(3, 32, 32)
    found = radar.explain(model, white, name, target="a", hide="black", samples=2000)
    # The game is linear and a block of LIME's orthogonal: after it, less than another is needed.
    assert found.facts["samples"] in {"lime": (96, 128, 160), "kernelshap": (2 + 2 * 128,)}[name]
    assert found.facts["stable"] is True
    assert found.facts["of_samples"] == 2000
    assert found.facts["superpixels"] == 16
    assert found.facts["halves_agree"][0] >= {"lime": 4 / 6, "kernelshap": 1.0}[name]
    assert found.passes.forward == found.facts["samples"]


@both
@pytest.mark.parametrize("cap", [32, 40, 64, 100, 384])
def test_sampling_never_exceeds_its_cap(name: str, cap: int, monkeypatch: pytest.MonkeyPatch):
    games.never_stable(monkeypatch)
    model, images = toys.conv(), toys.images(2)
    found = radar.explain(model, images, name, target="a", samples=cap)
    assert found.facts["samples"] == cap
    assert found.facts["stable"] is False
    assert found.passes.forward == 2 * cap


@both
def test_a_ranking_that_holds_is_confirmed(name: str, monkeypatch: pytest.MonkeyPatch):
    rankings = iter(map(frozenset, ([0], [1], [2], [2], [1], [1], [1], [1], *[[9]] * 99)))
    monkeypatch.setattr(superpixels, "top", lambda coefficients: next(rankings))
    games.segmented(monkeypatch, games.tiles())
    model, _ = games.tiled()
    found = radar.explain(model, toys.images(1), name, target="a", samples=5000)
    assert found.facts["samples"] == {"lime": 64 + 7 * 32, "kernelshap": 2 + 4 * 128}[name]


@both
def test_all_images_are_given_the_same_masks(name: str, monkeypatch: pytest.MonkeyPatch):
    segments = games.tiles()
    games.segmented(monkeypatch, segments)
    games.batches_of(monkeypatch, 50)
    model, batches = games.tiled()
    images = 0.1 + 0.8 * toys.images(3)
    found = radar.explain(model, images, name, target="a", hide="black", samples=150)
    count, shown = found.facts["samples"], torch.cat(batches)
    assert len(shown) == 3 * count
    each = [order_of([shown[k * count : (k + 1) * count]], images[k], segments) for k in range(3)]
    assert torch.equal(each[0], each[1])
    assert torch.equal(each[0], each[2])


@both
def test_all_images_share_the_first_ones_superpixels_and_hidden_content(name: str):
    model, batches = games.recorded(toys.network())
    images = toys.images(2)
    segments = superpixels.superpixels(images[0], 50)
    found = radar.explain(model, images, name, target="a", samples=40)
    for one_map in found.maps:
        games.values_of(one_map, segments)
    hidden = torch.zeros_like(images[0])
    for superpixel in range(int(segments.max()) + 1):
        within = segments == superpixel
        hidden[:, within] = images[0][:, within].mean(1, keepdim=True)
    second = torch.cat(batches)[-found.facts["samples"] :]
    original = (second == images[1]).all(1)
    assert torch.allclose(second, torch.where(original[:, None], images[1], hidden), atol=1e-6)


@both
def test_small_batches_give_the_same_map(name: str, monkeypatch: pytest.MonkeyPatch):
    model, images = toys.conv(), toys.images(2)
    whole = radar.explain(model, images, name, samples=50)
    games.batches_of(monkeypatch, 7)
    parts = radar.explain(model, images, name, samples=50)
    assert torch.allclose(whole.maps, parts.maps, atol=1e-6)


@both
def test_seeds_differ_and_agree(name: str):
    model, image = toys.conv(), toys.images(1)
    one, same, other = (
        radar.explain(model, image, name, samples=64, seed=seed).maps for seed in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@both
def test_one_superpixel_is_worth_what_hiding_it_costs(name: str, monkeypatch: pytest.MonkeyPatch):
    games.segmented(monkeypatch, torch.zeros(32, 32, dtype=torch.int64))
    model = toys.conv()
    images = torch.stack([torch.full((3, 32, 32), 0.6), toys.images(1)[0]])
    found = radar.explain(model, images, name, target="b", hide="black")
    read = model.probabilities(torch.cat([images, torch.zeros(1, 3, 32, 32)]))[:, 1]
    worth = read[:2] - read[2]
    assert found.facts["superpixels"] == 1
    assert found.facts["stable"] is True
    assert found.facts["samples"] <= 4
    for one_map, value in zip(found.maps, worth, strict=True):
        assert len(one_map.unique()) == 1
        assert float(one_map[0, 0]) * float(value) > 0
        if name == "kernelshap":
            assert float(one_map[0, 0]) == pytest.approx(float(value), abs=1e-6)


@both
def test_an_image_of_one_colour_behind_itself_is_worth_nothing(name: str):
    found = radar.explain(toys.conv(), torch.full((3, 32, 32), 0.5), name)
    assert float(found.maps.abs().max()) < 1e-5


@both
@pytest.mark.parametrize("hide", ["own mean", "image mean", "blurred", "black"])
def test_every_hidden_content_gives_a_finite_map(name: str, hide: str):
    found = radar.explain(toys.linear(), toys.images(2), name, hide=hide, samples=40)
    assert bool(found.maps.isfinite().all())
    assert bool(found.maps.any())


@both
def test_more_samples_do_not_make_larger_batches_or_masks(
    name: str, monkeypatch: pytest.MonkeyPatch
):
    games.never_stable(monkeypatch)
    games.batches_of(monkeypatch, 16)
    read_masked, largest = superpixels.read_masked, {}
    for samples in (64, 2000):
        masks, (model, batches) = [], games.recorded(toys.network())

        def watched(model, image, hidden, shown, *rest, masks=masks, **more):
            def counted(start: int, end: int) -> Tensor:
                masks.append(shown(start, end))
                return masks[-1]

            return read_masked(model, image, hidden, counted, *rest, **more)

        monkeypatch.setattr(superpixels, "read_masked", watched)
        found = radar.explain(model, toys.images(2), name, target="a", samples=samples)
        assert found.passes.forward == 2 * samples
        largest[samples] = (max(map(len, batches)), max(m.nbytes for m in masks))
    assert largest[64] == largest[2000] == (16, 16 * 32 * 32)
