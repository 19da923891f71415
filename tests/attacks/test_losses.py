"""The loss that attacks raise has cross-entropy's direction, and does not fade."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from radar_core.attacks.losses import log_odds, margin


def test_cross_entropy_is_softplus_of_log_odds():
    logits = torch.randn(6, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    classes = torch.tensor([0, 1, 2, 3, 4, 0])
    expected = F.cross_entropy(logits, classes, reduction="none")
    assert torch.allclose(F.softplus(log_odds(logits, classes)), expected)


def test_gradient_has_the_direction_of_cross_entropy():
    logits = torch.randn(6, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    logits.requires_grad_()
    classes = torch.tensor([0, 1, 2, 3, 4, 0])
    ours = torch.autograd.grad(log_odds(logits, classes).sum(), logits)[0]
    theirs = torch.autograd.grad(F.cross_entropy(logits, classes, reduction="sum"), logits)[0]
    assert torch.allclose(F.cosine_similarity(ours, theirs), torch.ones(6, dtype=torch.float64))


def test_gradient_stays_where_cross_entropy_loses_it():
    logits = torch.tensor([[200.0, 0.0, 1.0]], requires_grad=True)
    classes = torch.tensor([0])
    faded = torch.autograd.grad(F.cross_entropy(logits, classes), logits)[0]
    kept = torch.autograd.grad(log_odds(logits, classes).sum(), logits)[0]
    assert not faded.any()
    assert float(kept[0, 0]) == -1
    assert float(kept.sum()) == pytest.approx(0, abs=1e-6)


def test_margin_is_positive_exactly_where_another_class_is_read():
    logits = torch.tensor([[3.0, 1.0, 2.0], [1.0, 3.0, 2.0]])
    assert margin(logits, torch.tensor([0, 0])).tolist() == [-1.0, 2.0]
    assert log_odds(logits[:, :2], torch.tensor([0, 0])).tolist() == pytest.approx([-2.0, 2.0])
