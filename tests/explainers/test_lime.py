"""LIME: weights recovered where they are known, and beside the lime package."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from lime.lime_image import LimeImageExplainer
from numpy.typing import NDArray
from torch import Tensor, nn

import radar_core as radar
from radar_core.explainers import lime
from radar_core.runtime import Progress, generator
from tests import toys

TILE = 8  # 32 px make 16 tiles


class Tiles(nn.Module):
    """Probability linear in which tiles are bright: p = Σ weight · (tile's mean)."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(TILE)
        self.register_buffer("weights", weights)

    def forward(self, x: Tensor) -> Tensor:
        p = (self.pool(x).mean(1).flatten(1) * self.weights).sum(1) + 0.5
        return torch.stack([p.log(), (1 - p).log()], dim=1)


def weights() -> Tensor:
    """Of either sign, no two of one size."""
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
    return (torch.linspace(0.002, 0.032, 16) * torch.tensor([1.0, -1.0]).repeat(8))[order]


def tiles() -> Tensor:
    return torch.arange(16).view(4, 4).repeat_interleave(TILE, 0).repeat_interleave(TILE, 1)


@pytest.fixture
def tiled(monkeypatch: pytest.MonkeyPatch) -> radar.Classifier:
    """A model linear in the presence of tiles, and tiles as superpixels."""
    monkeypatch.setattr(lime, "superpixels", lambda image, wanted: tiles())
    return toys.classifier(Tiles(weights()).eval(), "pool", "ab", mean=(0.0,) * 3, std=(1.0,) * 3)


def test_recovers_the_weights_of_a_model_linear_in_superpixels(tiled: radar.Classifier):
    white = torch.ones(3, 32, 32)
    found = radar.explain(tiled, white, "lime", target="a", hide="black", samples=1000)
    # Ridge with α = 1 shrinks by about 1 / (1 + α / (weight · samples / 4)), under 1 %.
    assert torch.allclose(found[0], weights()[tiles()], atol=0.02 * 0.03)
    assert found.facts["r2"][0] > 0.999
    assert found.facts["superpixels"] == 16
    assert found.facts["halves_agree"] == [1.0]


def test_agrees_with_the_lime_package():
    model, image = toys.conv(), toys.images(1)[0]
    segments = lime.superpixels(image, 20)

    def predict(batch: NDArray[np.float64]) -> NDArray[np.float64]:
        images = torch.from_numpy(batch).permute(0, 3, 1, 2).float()
        return model.probabilities(images).double().numpy()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lime.lime_image.tqdm", lambda rows: rows)
        theirs = LimeImageExplainer(random_state=0).explain_instance(
            image.permute(1, 2, 0).double().numpy(),
            predict,
            labels=(1,),
            top_labels=None,
            num_samples=4000,
            batch_size=100,
            segmentation_fn=lambda _: segments.numpy(),
            random_seed=0,
        )
    rival = torch.zeros(int(segments.max()) + 1)
    for superpixel, coefficient in theirs.local_exp[1]:
        rival[superpixel] = coefficient
    found = radar.explain(model, image, "lime", target="b", superpixels=20, samples=4000)
    ours = torch.stack([found[0][segments == s][0] for s in range(len(rival))])
    assert float(torch.corrcoef(torch.stack([ours, rival]))[0, 1]) > 0.98
    assert float((ours - rival).norm() / rival.norm()) < 0.2


def test_all_images_share_the_first_ones_superpixels():
    model, images = toys.conv(), toys.images(2)
    segments = lime.superpixels(images[0], 50)
    found = radar.explain(model, images, "lime", samples=40)
    for one_map in found.maps:
        for superpixel in range(int(segments.max()) + 1):
            assert len(one_map[segments == superpixel].unique()) == 1


def test_masks_come_in_complements_after_all():
    masks = lime.draw_masks(11, 30, generator(0, "masks"))
    assert masks.shape == (11, 30)
    assert masks[0].all()
    assert bool((masks[0:10:2] ^ masks[1:10:2]).all())
    assert 0.3 < float(masks[2::2].float().mean()) < 0.7


@pytest.mark.parametrize("hide", ["own mean", "image mean", "black"])
def test_hidden_content(hide: str):
    image, segments = toys.images(1)[0], tiles()
    hidden = lime.hidden_content(image, segments, hide)
    expected = {
        "own mean": image[:, :TILE, :TILE].mean((1, 2)),
        "image mean": image.mean((1, 2)),
        "black": torch.zeros(3),
    }[hide]
    assert hidden.shape == image.shape
    assert torch.allclose(hidden[:, 3, 3], expected, atol=1e-6)


def test_a_sample_that_keeps_all_is_the_image_itself():
    model, image = toys.conv(), toys.images(1)[0]
    read = lime.probabilities(
        model,
        image,
        torch.zeros_like(image),
        tiles(),
        torch.stack([torch.ones(16, dtype=torch.bool), torch.zeros(16, dtype=torch.bool)]),
        1,
        Progress(),
    )
    both = torch.stack([image, torch.zeros_like(image)])
    assert torch.allclose(read, model.probabilities(both)[:, 1], atol=1e-6)


def test_superpixels_are_numbered_without_gaps():
    for image in (toys.images(1)[0], torch.full((3, 32, 32), 0.5)):
        segments = lime.superpixels(image, 30)
        assert segments.unique().tolist() == list(range(int(segments.max()) + 1))
        assert segments.shape == (32, 32)


def test_small_batches_give_the_same_map(monkeypatch: pytest.MonkeyPatch):
    model, image = toys.conv(), toys.images(1)
    whole = radar.explain(model, image, "lime", samples=50)
    monkeypatch.setattr(lime, "batch_size", lambda *_, **__: 7)
    parts = radar.explain(model, image, "lime", samples=50)
    assert torch.allclose(whole.maps, parts.maps, atol=1e-6)
