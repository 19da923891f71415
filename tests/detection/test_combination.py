"""All scores as one suspicion, on scores made up so that the answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from radar_core.detection import combination
from radar_core.detection.combination import combine


def drawn(count, seed, **shifts):
    """Scores `a`, `b`, `c` of so many images, normal around the shift named."""
    draw = torch.Generator().manual_seed(seed)
    return {name: torch.randn(count, generator=draw) + shifts.get(name, 0.0) for name in "abc"}


@pytest.fixture(scope="module")
def made():
    """Attacks raise `a`, lower `b`, and leave `c` alone."""
    return combine(drawn(300, 1), drawn(60, 2, a=4.0, b=-4.0))


def test_it_tells_what_it_was_fitted_on(made):
    usual, unusual = made(drawn(200, 3)), made(drawn(50, 4, a=4.0, b=-4.0))
    assert (unusual > usual.quantile(0.95)).float().mean() > 0.9


def test_no_score_is_a_reason_to_be_called_usual(made):
    assert (made.weights >= 0).all() and (made.weights[:2] > 0).any()
    values = {"a": torch.zeros(9), "b": torch.zeros(9), "c": torch.zeros(9)}
    for name in "abc":
        for side in (1.0, -1.0):
            moved = made({**values, name: side * torch.linspace(0, 30, 9)})
            middle = float(made.middle[made.names.index(name)])
            beyond = (side * torch.linspace(0, 30, 9) - middle).abs() > 0.5
            assert (moved[beyond].diff() > 0).all(), f"{name} {side}"


def test_what_the_attacks_seen_left_alone_counts_too(made):
    """An attack of another kind, seen in `c` alone, or that turns `a` the other way."""
    usual = made(drawn(400, 5)).quantile(0.95)
    for other in ({"c": 30.0}, {"c": -30.0}, {"a": -30.0}):
        assert (made(drawn(50, 6, **other)) > usual).float().mean() > 0.9


def test_its_shares_add_up(made):
    scores = drawn(7, 7, a=2.0)
    shares = made.shares(scores)
    torch.testing.assert_close(sum(shares.values()) + made.bias, made(scores))


def test_a_usual_image_has_none_and_one_in_twenty_two(made):
    """Of each part, the median is 0 and the 95th percentile is 1."""
    assert float(made(drawn(4000, 8)).median()) == pytest.approx(0.0, abs=0.5)


def test_where_no_weight_wants_to_be_negative_it_is_the_library_s():
    draw = np.random.default_rng(0)
    usual, unusual = draw.normal(0, 1, (200, 3)), draw.normal([1.0, 2.0, 3.0], 1, (40, 3))
    own = combination._fitted(usual, unusual)
    library = LogisticRegression(C=combination.STRENGTH, class_weight="balanced", tol=1e-9)
    library.fit(np.concatenate([usual, unusual]), [0] * 200 + [1] * 40)
    np.testing.assert_allclose(own.numpy(), library.coef_[0], rtol=1e-3)
