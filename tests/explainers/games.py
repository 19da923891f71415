"""For the explainers that hide parts: models of tiles, tiles as superpixels, and what was read."""

from __future__ import annotations

import itertools
from math import factorial

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import radar_core as radar
from radar_core.explainers import masking, superpixels
from tests import toys

TILE = 8  # 32 px make 16 tiles


class Tiles(nn.Module):
    """Probability linear in which tiles are bright: p = 0.5 + Σ weight · (tile's mean)."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(TILE)
        self.register_buffer("weights", weights)

    def forward(self, x: Tensor) -> Tensor:
        p = (self.pool(x).mean(1).flatten(1) * self.weights).sum(1) + 0.5
        return torch.stack([p.log(), (1 - p).log()], dim=1)


class Recorded(nn.Module):
    """A module that keeps the batches it is given."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.batches: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.batches.append(x.clone())
        return self.module(x)


def weights() -> Tensor:
    """Of the 16 tiles: of either sign, no two of one size."""
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
    return (torch.linspace(0.002, 0.032, 16) * torch.tensor([1.0, -1.0]).repeat(8))[order]


def tiles(rows: int = 4, columns: int = 4) -> Tensor:
    """Equal superpixels of a 32 px image."""
    grid = torch.arange(rows * columns).view(rows, columns)
    return grid.repeat_interleave(32 // rows, 0).repeat_interleave(32 // columns, 1)


def segmented(monkeypatch: pytest.MonkeyPatch, segments: Tensor) -> None:
    """LIME and KernelSHAP find these superpixels in every image."""
    monkeypatch.setattr(superpixels, "superpixels", lambda image, wanted: segments)


def never_stable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sampling goes on to the cap: no ranking equals the one before it."""
    numbers = itertools.count()
    monkeypatch.setattr(superpixels, "top", lambda coefficients: frozenset([next(numbers)]))


def batches_of(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """So many images go into a pass."""
    monkeypatch.setattr(masking, "batch_size", lambda *_, **__: size)


def recorded(module: nn.Module) -> tuple[radar.Classifier, list[Tensor]]:
    """A two-class or three-class model that reads plain pixels, and the batches it is given."""
    kept = Recorded(module.eval())
    names = "ab" if isinstance(module, Tiles) else "abc"
    model = toys.classifier(kept, "module", names, mean=(0.0,) * 3, std=(1.0,) * 3)
    return model, kept.batches


def tiled() -> tuple[radar.Classifier, list[Tensor]]:
    """A model linear in the presence of 16 tiles, and the batches it is given."""
    return recorded(Tiles(weights()))


def shapley_values(game: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shapley values by their definition, of a game whose value `game[c]` is of the coalition with
    the binary number c.
    """
    count = (len(game) - 1).bit_length()
    values = np.zeros(count)
    for player in range(count):
        for coalition in range(len(game)):
            if coalition >> player & 1:
                continue
            size = coalition.bit_count()
            chance = factorial(size) * factorial(count - size - 1) / factorial(count)
            values[player] += chance * (game[coalition | 1 << player] - game[coalition])
    return values


def every_coalition(count: int) -> Tensor:
    """(2^count, count) bool: row c is the coalition with the binary number c."""
    return (torch.arange(1 << count)[:, None] >> torch.arange(count)) % 2 == 1


def game(
    model: radar.Classifier, image: Tensor, hidden: Tensor, segments: Tensor, target: int
) -> NDArray[np.float64]:
    """What the model reads under every coalition of superpixels, by plain indexing."""
    values = []
    for coalition in every_coalition(int(segments.max()) + 1):
        shown = hidden.clone()
        for superpixel in coalition.nonzero().flatten().tolist():
            shown[:, segments == superpixel] = image[:, segments == superpixel]
        values.append(float(model.probabilities(shown[None])[0, target]))
    return np.array(values)


def values_of(one_map: Tensor, segments: Tensor) -> NDArray[np.float64]:
    """A map's value in each superpixel, which is one."""
    found = [one_map[segments == s].unique() for s in range(int(segments.max()) + 1)]
    assert all(len(values) == 1 for values in found)
    return torch.cat(found).double().numpy()
