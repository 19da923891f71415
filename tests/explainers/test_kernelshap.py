"""KernelSHAP: Shapley values by their definition, efficiency, and captum."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
import torch
from captum.attr import KernelShap

import radar_core as radar
from radar_core.explainers import kernelshap, superpixels
from radar_core.explainers.kernelshap import BLOCK, coalitions, shapley
from radar_core.explainers.masking import hidden_content
from radar_core.runtime import generator
from tests import toys
from tests.explainers import games

GRIDS = {5: (5, 1), 6: (3, 2), 8: (4, 2)}


def parts(count: int) -> torch.Tensor:
    """So many superpixels of a 32 px image."""
    rows, columns = GRIDS[count]
    down = torch.arange(32) * rows // 32
    across = torch.arange(32) * columns // 32
    return down[:, None] * columns + across


def mild() -> radar.Classifier:
    """The toy network less sure of itself: a game that is not over once a superpixel is hidden."""
    net = toys.network()
    with torch.no_grad():
        net.head.weight *= 0.1
        net.head.bias *= 0.1
    return toys.classifier(net, "block")


def test_coalitions_have_sizes_by_the_shapley_kernel_and_come_with_complements():
    count, draws = 9, generator(0, "coalitions")
    masks = torch.cat([coalitions(count, draws) for _ in range(60)])
    assert masks.shape == (60 * BLOCK, count)
    assert bool((masks[0::2] ^ masks[1::2]).all())
    sizes = masks.sum(1).bincount(minlength=count + 1).double() / len(masks)
    chances = torch.tensor([1 / (k * (count - k)) for k in range(1, count)], dtype=torch.float64)
    assert sizes[0] == sizes[count] == 0
    # Strata leave each block within one pair of what is expected, and complements in balance.
    assert sizes[1:count].tolist() == pytest.approx((chances / chances.sum()).tolist(), abs=0.005)
    assert masks.double().mean(0).tolist() == [0.5] * count
    for size in (1, 4, 8):
        within = masks[masks.sum(1) == size].double().mean(0)
        assert within.tolist() == pytest.approx([size / count] * count, abs=0.05)


@pytest.mark.parametrize("count", [2, 3, 5, 50, 300])
def test_coalitions_are_neither_all_nor_none(count: int):
    sizes = coalitions(count, generator(0, "coalitions")).sum(1)
    assert int(sizes.min()) >= 1
    assert int(sizes.max()) <= count - 1


@pytest.mark.parametrize("count", [3, 4, 5, 6])
def test_regression_over_all_coalitions_gives_the_shapley_values(count: int):
    """Theorem 2: each coalition as often as its kernel says, and there is nothing to estimate."""
    values = np.random.default_rng(count).random(1 << count)
    masks = games.every_coalition(count)
    sizes = masks.sum(1).tolist()
    common = np.lcm.reduce([comb(count, k) * k * (count - k) for k in range(1, count)])
    times = [
        0 if size in (0, count) else common // (comb(count, size) * size * (count - size))
        for size in sizes
    ]
    rows = [len(values) - 1, 0, *np.repeat(np.arange(len(values)), times)]
    found, _ = shapley(masks.numpy()[rows], values[rows])
    assert found == pytest.approx(games.shapley_values(values), abs=1e-5)


@pytest.mark.parametrize("count", [5, 6, 8])
def test_estimates_the_shapley_values_of_a_network(count: int, monkeypatch: pytest.MonkeyPatch):
    segments, model, image = parts(count), mild(), toys.images(1)[0]
    games.segmented(monkeypatch, segments)
    games.never_stable(monkeypatch)
    hidden = hidden_content(image, segments, "own mean")
    exact = games.shapley_values(games.game(model, image, hidden, segments, 1))
    found = radar.explain(model, image, "kernelshap", target="b", samples=4096)
    ours = games.values_of(found[0], segments)
    assert np.abs(ours - exact).max() < 0.02 * np.abs(exact).max()


@pytest.mark.parametrize("samples", [32, 384])
@pytest.mark.parametrize("hide", ["own mean", "image mean", "blurred", "black"])
def test_values_add_up_to_what_all_superpixels_add(samples: int, hide: str):
    model, images = toys.linear(), toys.images(2)
    segments = superpixels.superpixels(images[0], 50)
    hidden = hidden_content(images[0], segments, hide)
    found = radar.explain(model, images, "kernelshap", target="b", hide=hide, samples=samples)
    read = model.probabilities(torch.cat([images, hidden[None]]))[:, 1]
    for one_map, whole in zip(found.maps, read[:2], strict=True):
        values = games.values_of(one_map, segments)
        assert values.sum() == pytest.approx(float(whole - read[2]), abs=1e-5)


def test_is_exact_where_superpixels_do_not_interact(monkeypatch: pytest.MonkeyPatch):
    games.segmented(monkeypatch, games.tiles())
    model, _ = games.tiled()
    white = torch.ones(3, 32, 32)
    found = radar.explain(model, white, "kernelshap", target="a", hide="black")
    assert torch.allclose(found[0], games.weights()[games.tiles()], rtol=1e-3, atol=1e-6)
    assert found.facts["r2"][0] == pytest.approx(1, abs=1e-6)
    assert found.facts["stable"] is True


def test_superpixels_that_are_alike_are_worth_the_same():
    masks = torch.cat([torch.tensor([[True] * 6, [False] * 6]), games.every_coalition(6)[1:-1]])
    read = masks[:, :3].any(1).double() + 0.5 * masks[:, 3:].all(1).double()
    values, _ = shapley(masks.numpy(), read.numpy())
    assert values[:3] == pytest.approx([values[0]] * 3, abs=1e-9)
    assert values[3:] == pytest.approx([values[3]] * 3, abs=1e-6)
    assert values.sum() == pytest.approx(1.5, abs=1e-12)


def test_fewer_coalitions_than_superpixels_still_add_up():
    draws = np.random.default_rng(0)
    masks = np.concatenate([[[True] * 80, [False] * 80], draws.random((30, 80)) < 0.5])
    read = draws.random(32)
    values, _ = shapley(masks, read)
    assert np.isfinite(values).all()
    assert values.sum() == pytest.approx(read[0] - read[1], abs=1e-9)
    assert np.abs(values).max() < 10


def test_agrees_with_captum(monkeypatch: pytest.MonkeyPatch):
    segments, model, image = games.tiles(), mild(), toys.images(1)[0]
    games.segmented(monkeypatch, segments)
    games.never_stable(monkeypatch)
    found = radar.explain(model, image, "kernelshap", target="b", samples=4096)
    with model.held(), torch.no_grad(), toys.seeded(0):
        theirs = KernelShap(lambda x: model(x).softmax(1)).attribute(
            image[None],
            baselines=hidden_content(image, segments, "own mean")[None],
            target=1,
            feature_mask=segments[None, None],
            n_samples=4096,
            perturbations_per_eval=256,
        )
    ours = games.values_of(found[0], segments)
    rival = games.values_of(theirs[0, 0], segments)
    assert np.corrcoef(ours, rival)[0, 1] > 0.99
    assert np.linalg.norm(ours - rival) / np.linalg.norm(rival) < 0.1


def test_r2_tells_a_game_of_its_parts_from_one_of_their_company():
    draws = generator(0, "coalitions")
    masks = torch.cat([torch.tensor([[True] * 8, [False] * 8]), coalitions(8, draws)])
    parity = (masks.sum(1) % 2).double().numpy()
    assert kernelshap.shapley(masks.numpy(), masks.sum(1).double().numpy())[1]["r2"] > 0.999
    assert kernelshap.shapley(masks.numpy(), parity)[1]["r2"] < 0.2
    assert kernelshap.shapley(masks.numpy(), np.full(len(masks), 0.3))[1]["r2"] == 1
