"""What every registered score keeps to."""

from __future__ import annotations

import pytest
import torch

from radar_core.detection import DETECTORS
from radar_core.detection.seen import Seen

NEEDS = {"logits", "features", "squeezed", "noisy", "maps", "attributions"}


def seen(count: int = 12, seed: int = 0) -> Seen:
    """What a model of three classes might see in images."""
    draw = torch.Generator().manual_seed(seed)

    def rand(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=draw)

    return Seen(
        logits=3 * rand(count, 3),
        features=rand(count, 6),
        squeezed={"bits": rand(count, 3), "median": rand(count, 3)},
        noisy=rand(4, count, 3),
        maps=rand(count, 5, 5).relu(),
        map_views={"bits": rand(count, 5, 5).relu(), "noise 1": rand(count, 5, 5).relu()},
        attributions=rand(count, 16, 16),
        attribution_views={"median": rand(count, 16, 16)},
    )


def rows(whole: Seen, at: slice) -> Seen:
    """Some of the images."""
    return Seen(
        whole.logits[at],
        whole.features[at],
        {n: v[at] for n, v in whole.squeezed.items()},
        whole.noisy[:, at],
        whole.maps[at],
        {n: v[at] for n, v in whole.map_views.items()},
        whole.attributions[at],
        {n: v[at] for n, v in whole.attribution_views.items()},
    )


@pytest.fixture(params=list(DETECTORS))
def score(request):
    return DETECTORS.create(request.param)


def fitted(score):
    training = seen(40, seed=1)
    return score.fit(score.measure(training), torch.arange(40) % 3)


def test_it_says_what_it_is(score):
    assert score.title and score.source and score.said and not score.said[0].isupper()
    assert set(score.needs) <= NEEDS and score.needs
    assert isinstance(score.differentiable, bool)


def test_a_number_an_image(score):
    measured = score.measure(seen())
    assert measured.shape[0] == 12 and measured.ndim == 2 and measured.dtype == torch.float32
    found = score.score(measured, fitted(score))
    assert found.shape == (12,) and found.isfinite().all() and found.unique().numel() > 1


def test_an_image_s_score_does_not_depend_on_its_company(score):
    state, whole = fitted(score), seen()
    alone = score.score(score.measure(rows(whole, slice(3, 4))), state)
    together = score.score(score.measure(whole), state)[3:4]
    torch.testing.assert_close(alone, together, rtol=1e-5, atol=1e-5)


def test_the_same_twice_and_nothing_is_changed(score):
    whole = seen()
    state = fitted(score)
    before = {name: value.clone() for name, value in state.items()}
    first = score.score(score.measure(whole), state)
    assert torch.equal(first, score.score(score.measure(whole), state))
    assert all(torch.equal(before[name], state[name]) for name in state)
    assert torch.equal(seen().logits, whole.logits)


@pytest.mark.parametrize("id", [id for id in DETECTORS if DETECTORS[id].differentiable])
def test_gradients_pass_where_it_says_so(id):
    score, whole = DETECTORS.create(id), seen()
    leaves = [whole.logits, whole.features, whole.noisy, *whole.squeezed.values()]
    for leaf in leaves:
        leaf.requires_grad_()
    score.score(score.measure(whole), fitted(score)).sum().backward()
    assert any(leaf.grad is not None and leaf.grad.any() for leaf in leaves)


def test_a_class_that_training_lacks_does_no_harm(score):
    training = seen(40, seed=1)
    labels = torch.tensor([0, 2] * 20)
    state = score.fit(score.measure(training), labels)
    assert score.score(score.measure(seen()), state).isfinite().all()
