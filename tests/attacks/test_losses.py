"""The loss that attacks raise has cross-entropy's direction, and does not fade."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
import torchattacks

from radar_core.attacks.losses import dlr, log_odds, margin, targeted_dlr


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


def test_dlr_by_hand():
    logits = torch.tensor([[1.0, 5.0, 0.0, 3.0]]).expand(4, -1)
    # The three largest are 5, 3 and 1.
    assert dlr(logits, torch.arange(4)).tolist() == [4 / 4, -2 / 4, 5 / 4, 2 / 4]


def test_targeted_dlr_by_hand():
    logits = torch.tensor([[1.0, 5.0, 0.0, 3.0, -7.0]]).expand(3, -1)
    targets, origins = torch.tensor([3, 0, 1]), torch.tensor([1, 3, 4])
    # The scale is 5 − (1 + 0) / 2.
    expected = torch.tensor([5 - 3, 3 - 1, -7 - 5]) / 4.5
    assert torch.allclose(targeted_dlr(logits, targets, origins), expected)


def test_dlr_is_that_of_torchattacks():
    logits = torch.randn(20, 6, generator=torch.Generator().manual_seed(0))
    classes, targets = torch.arange(20) % 6, (torch.arange(20) + 2) % 6
    model = torch.nn.Linear(1, 1)  # it asks for one; these formulas use none
    untargeted = torchattacks.APGD(model).dlr_loss(logits, classes)
    assert torch.allclose(dlr(logits, classes), untargeted)
    towards = torchattacks.APGDT(model).dlr_loss_targeted(logits, classes, targets)
    assert torch.allclose(-targeted_dlr(logits, targets, classes), towards)


@pytest.mark.parametrize("shift", [-100.0, 0.0, 30.0])
@pytest.mark.parametrize("scale", [0.1, 1.0, 50.0])
def test_dlr_heeds_neither_shift_nor_scale(shift: float, scale: float):
    logits = torch.randn(6, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    classes, origins = torch.tensor([0, 1, 2, 3, 4, 0]), torch.tensor([1, 2, 3, 4, 0, 4])
    other = scale * logits + shift
    assert torch.allclose(dlr(other, classes), dlr(logits, classes))
    assert torch.allclose(
        targeted_dlr(other, classes, origins), targeted_dlr(logits, classes, origins)
    )


def test_dlr_with_too_few_classes_is_the_margin():
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    classes, origins = torch.tensor([0, 1, 0, 1]), torch.tensor([1, 0, 1, 0])
    assert torch.equal(dlr(logits[:, :2], classes), margin(logits[:, :2], classes))
    assert torch.equal(targeted_dlr(logits, classes, origins), margin(logits, classes))


def test_dlr_of_equal_logits_is_a_number():
    logits = torch.zeros(1, 5, requires_grad=True)
    zero, one = torch.tensor([0]), torch.tensor([1])
    for value in (dlr(logits, zero), targeted_dlr(logits, zero, one)):
        (gradient,) = torch.autograd.grad(value.sum(), logits)
        assert bool(value.isfinite().all())
        assert bool(gradient.isfinite().all())
