"""Top-k overlap against sets of pixels, and with ties."""

from __future__ import annotations

import pytest
import torch

from radar_core.metrics.topk_overlap import TopkOverlap, membership


def noise(seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((30, 20), generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("share", [0.05, 0.1, 0.3])
def test_is_the_iou_of_two_sets_where_nothing_is_tied(share: float):
    first, second = noise(0), noise(0) + noise(1)
    count = round(600 * share)
    one, other = (
        set(m.abs().flatten().argsort(descending=True)[:count].tolist()) for m in (first, second)
    )
    expected = len(one & other) / len(one | other)
    assert 0.05 < expected < 0.9
    assert TopkOverlap(share)(first, second) == pytest.approx(expected)


def test_evidence_against_counts():
    assert TopkOverlap()(noise(0), -noise(0)) == 1


def test_ties_share_what_is_left():
    values = torch.tensor([5.0, 3.0, 3.0, 3.0, 1.0] + [0.0] * 5, dtype=torch.float64)
    assert membership(values, 0.3).tolist() == pytest.approx([1, 2 / 3, 2 / 3, 2 / 3] + [0] * 6)
    flat = membership(torch.zeros(40, 40, dtype=torch.float64), 0.1)
    assert float(flat.sum()) == pytest.approx(160)


def test_pixel_order_does_not_decide():
    first = noise(0).round()
    second = noise(1).round()
    order = torch.randperm(600, generator=torch.Generator().manual_seed(2))
    shuffled = [m.flatten()[order].view(30, 20) for m in (first, second)]
    assert TopkOverlap()(first, second) == pytest.approx(TopkOverlap()(*shuffled))


def test_a_constant_map_scores_chance():
    flat = torch.zeros(30, 20, dtype=torch.float64)
    assert TopkOverlap()(noise(0), flat) == pytest.approx(TopkOverlap.chance)
    assert TopkOverlap()(flat, flat + 3) == 1
