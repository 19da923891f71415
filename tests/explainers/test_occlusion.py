"""Occlusion: captum's where windows tile evenly, its sign, and windows over the whole image."""

from __future__ import annotations

import pytest
import torch
from captum.attr import Occlusion as CaptumOcclusion

import radar_core as radar
from radar_core.explainers import occlusion
from radar_core.explainers.masking import hidden_content
from radar_core.explainers.occlusion import Occlusion, windows_along
from tests import toys
from tests.explainers import games


@pytest.mark.parametrize("hide", ["image mean", "blurred", "black"])
@pytest.mark.parametrize(("positions", "stride"), [(4, 8), (7, 4), (13, 2)])
def test_equals_captum_where_windows_tile_evenly(hide: str, positions: int, stride: int):
    model, images = toys.linear(), toys.images(2)
    found = radar.explain(
        model, images, "occlusion", target="b", window=0.25, positions=positions, hide=hide
    )
    with model.held(), torch.no_grad():
        theirs = CaptumOcclusion(lambda x: model(x).softmax(1)).attribute(
            images,
            sliding_window_shapes=(3, 8, 8),
            strides=(3, stride, stride),
            baselines=hidden_content(images[0], None, hide)[None].expand_as(images),
            target=1,
        )
    expected = theirs.float()[:, 0]
    assert torch.allclose(found.maps, expected, atol=1e-3 * float(expected.abs().max()))
    assert found.facts == {"samples": positions**2, "window": [8, 8]}


@pytest.mark.parametrize(("window", "positions"), [(0.18, 11), (0.3, 5), (0.6, 3)])
def test_is_the_mean_fall_over_the_windows_that_cover_a_pixel(window: float, positions: int):
    model, image = toys.linear(), toys.images(1)[0]
    found = radar.explain(model, image, "occlusion", target="b", window=window, positions=positions)
    places = Occlusion(window=window, positions=positions)._places(32)
    hidden, whole = (
        hidden_content(image, None, "blurred"),
        float(model.probabilities(image[None])[0, 1]),
    )
    sums, times = torch.zeros(2, 32, 32, dtype=torch.float64)
    for top, bottom in places:
        for left, right in places:
            covered = image.clone()
            covered[:, top:bottom, left:right] = hidden[:, top:bottom, left:right]
            sums[top:bottom, left:right] += whole - float(model.probabilities(covered[None])[0, 1])
            times[top:bottom, left:right] += 1
    by_hand = sums / times
    scale = float(by_hand.abs().max())
    assert torch.allclose(found[0].double(), by_hand, atol=1e-3 * scale)


def test_is_positive_where_covering_lowers_the_probability():
    model = toys.classifier(
        games.Tiles(games.weights()).eval(), "pool", "ab", mean=(0.0,) * 3, std=(1.0,) * 3
    )
    white = torch.ones(3, 32, 32)
    more = {"hide": "black", "window": 0.25, "positions": 4}
    found = radar.explain(model, white, "occlusion", target="a", **more)
    assert torch.allclose(found[0], games.weights()[games.tiles()], atol=1e-6)
    against = radar.explain(model, white, "occlusion", target="b", **more)
    assert torch.allclose(against[0], -found[0], atol=1e-6)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 32, 33, 64, 224])
@pytest.mark.parametrize("window", [0.04, 0.18, 0.25, 0.6])
@pytest.mark.parametrize("positions", [3, 11, 32])
def test_windows_cover_the_whole_image(size: int, window: float, positions: int):
    method = Occlusion(window=window, positions=positions)
    places = method._places(size)
    assert places[0][0] == 0
    assert places[-1][1] == size
    assert len({end - start for start, end in places}) == 1
    assert len(set(places)) == len(places)
    covers = windows_along(places, size)
    assert covers.shape == (len(places), size)
    assert bool(covers.any(0).all())
    # What a method costs at most is said before the model's input size is known.
    assert len(places) ** 2 + 1 <= method.cost.forward


def test_default_cost_is_what_it_takes():
    for side in (32, 224):
        model = radar.Classifier(toys.network(), "abc", cam_layer="block", input_size=side)
        found = radar.explain(model, toys.images(1, side=side), "occlusion", target="a")
        assert found.passes.forward == Occlusion().cost.forward == 11**2 + 1


def test_all_images_are_covered_with_the_first_ones_content():
    model, batches = games.recorded(toys.network())
    images = toys.images(2)
    radar.explain(model, images, "occlusion", target="a", positions=3, window=0.25, hide="blurred")
    shown = torch.cat(batches)
    second = shown[len(shown) // 2 :]
    hidden = hidden_content(images[0], None, "blurred")
    assert torch.equal(second[-1], images[1])
    covered = (second[0] != images[1]).any(0)
    assert bool(covered.any())
    assert torch.equal(second[0][:, covered], hidden[:, covered])


@pytest.mark.parametrize("side", [1, 2, 3, 5])
def test_tiny_images(side: int):
    model = radar.Classifier(toys.network(), "abc", cam_layer="block", input_size=side)
    image = toys.images(1)[..., :side, :side]
    found = radar.explain(model, image, "occlusion", hide="black")
    assert found.maps.shape == (1, side, side)
    assert bool(found.maps.isfinite().all())


def test_one_window_over_a_whole_image_of_one_pixel_is_what_hiding_it_costs():
    model = radar.Classifier(toys.network(), "abc", cam_layer="block", input_size=1)
    image = toys.images(1)[..., :1, :1]
    found = radar.explain(model, image, "occlusion", target="b", hide="black")
    read = model.probabilities(torch.cat([image, torch.zeros_like(image)]))[:, 1]
    assert float(found[0]) == pytest.approx(float(read[0] - read[1]), abs=1e-6)
    assert found.facts == {"samples": 1, "window": [1, 1]}


def test_small_batches_give_the_same_map(monkeypatch: pytest.MonkeyPatch):
    model, images = toys.conv(), toys.images(2)
    whole = radar.explain(model, images, "occlusion")
    games.batches_of(monkeypatch, 7)
    parts = radar.explain(model, images, "occlusion")
    assert torch.allclose(whole.maps, parts.maps, atol=1e-6)


def test_more_windows_do_not_make_larger_batches_or_masks(monkeypatch: pytest.MonkeyPatch):
    games.batches_of(monkeypatch, 16)
    read_masked, largest = occlusion.read_masked, {}
    for positions in (8, 25):
        masks, (model, batches) = [], games.recorded(toys.network())

        def watched(model, image, hidden, shown, *rest, masks=masks, **more):
            def kept(start: int, end: int) -> torch.Tensor:
                masks.append(shown(start, end))
                return masks[-1]

            return read_masked(model, image, hidden, kept, *rest, **more)

        monkeypatch.setattr(occlusion, "read_masked", watched)
        radar.explain(model, toys.images(1), "occlusion", target="a", positions=positions)
        largest[positions] = (max(map(len, batches)), max(m.nbytes for m in masks))
    assert largest[8] == largest[25] == (16, 16 * 32 * 32)
