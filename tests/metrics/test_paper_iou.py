"""The paper's IoU as its code has it, and its fault."""

from __future__ import annotations

import math

import pytest
import torch
from sklearn.metrics import jaccard_score

from radar_core.metrics.paper_iou import PaperIou
from radar_core.metrics.pearson import Pearson
from radar_core.metrics.topk_overlap import TopkOverlap


def noise(count: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn((count, 60, 50), generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("scale", [1.0, 1e30, 1e-30])
def test_is_the_iou_of_what_lies_above_zero(scale: float):
    first, second = noise()
    expected = jaccard_score((first > 0).flatten(), (second > 0).flatten())
    assert PaperIou()(scale * first, second) == expected


def test_two_independent_maps_score_high():
    first, second = noise()
    assert abs(Pearson()(first, second)) < 0.05
    assert PaperIou()(first, second) == pytest.approx(1 / 3, abs=0.03)
    first, second = (first + 2).clamp(min=0), (second + 2).clamp(min=0)  # positive nearly all over
    assert abs(Pearson()(first, second)) < 0.05
    assert PaperIou()(first, second) > 0.9
    assert TopkOverlap()(first, second) == pytest.approx(TopkOverlap.chance, abs=0.03)


def test_maps_without_a_pixel_above_zero():
    first, _ = noise()
    nothing = torch.zeros_like(first)
    assert PaperIou()(first, nothing) == 0
    assert PaperIou()(nothing, nothing) == 1
    assert math.isnan(PaperIou()(nothing, nothing - 1))
    assert PaperIou()(first.abs(), nothing + 0.7) == 1, "a constant map is like any positive one"
