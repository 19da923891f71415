"""The evidence share counted by hand and by its source's formula."""

from __future__ import annotations

import pytest
import torch

from radar_core.localisation.evidence_share import EvidenceShare

MASK = torch.tensor([[True, True, False], [False, False, False]])


def test_is_the_share_of_magnitudes():
    values = torch.tensor([[3.0, -2.0, 1.0], [0.0, -4.0, 0.0]], dtype=torch.float64)
    assert EvidenceShare()(values, MASK) == pytest.approx(5 / 10)
    assert EvidenceShare()(-values, MASK) == pytest.approx(5 / 10)


def test_is_the_relevance_mass_of_a_positive_map():
    generator = torch.Generator().manual_seed(0)
    values = torch.rand((2, 3), generator=generator, dtype=torch.float64)
    # Arras et al. 2022, eq. 1: relevance within the ground truth over all relevance.
    expected = float((values * MASK).sum() / values.sum())
    assert EvidenceShare()(values, MASK) == pytest.approx(expected, abs=1e-12)


def test_one_strong_pixel_outside_counts_by_its_strength():
    values = torch.ones(2, 3, dtype=torch.float64)
    values[1, 2] = 10
    assert EvidenceShare()(values, MASK) == pytest.approx(2 / 15)
