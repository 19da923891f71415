"""Expected gradients: exact where the answer is known, and beside captum."""

from __future__ import annotations

import pytest
import torch
from captum.attr import GradientShap

import radar_core as radar
from tests import toys


def test_is_the_weight_times_the_difference_on_a_linear_model():
    model, images, background = toys.linear(), toys.images(2), toys.images(8, seed=5)
    found = radar.explain(model, images, "shap", target="b", background=background, samples=16)
    weight = model.module.head.weight.detach()[1].view(3, 32, 32) / model.std
    by_hand = (weight * (images - background.mean(0))).sum(1)
    assert torch.allclose(found.maps, by_hand, rtol=1e-4, atol=1e-6)


def test_adds_up_to_the_difference_of_logits():
    model, images, background = toys.conv(), toys.images(2), toys.images(4, seed=5)
    found = radar.explain(model, images, "shap", target="b", background=background, samples=512)
    with torch.no_grad(), model.held():
        gap = model(images)[:, 1] - model(background)[:, 1].mean()
    assert found.maps.sum((1, 2)).tolist() == pytest.approx(gap.tolist(), rel=0.02)


def test_agrees_with_captum():
    model, images, background = toys.conv(), toys.images(1), toys.images(4, seed=5)
    found = radar.explain(model, images, "shap", target="b", background=background, samples=512)
    with model.held(), toys.seeded(0):
        state = toys.np.random.get_state()
        try:
            toys.np.random.seed(0)  # captum draws from the global generators
            theirs = GradientShap(model).attribute(images, background, n_samples=2000, target=1)
        finally:
            toys.np.random.set_state(state)
    ours, rival = found.maps[0].flatten(), theirs.sum(1)[0].flatten()
    assert float(torch.corrcoef(torch.stack([ours, rival]))[0, 1]) > 0.99
    assert float((ours - rival).norm() / rival.norm()) < 0.1


def test_strata_settle_faster_than_independent_draws():
    model, images, background = toys.conv(), toys.images(1), toys.images(4, seed=5)

    def spread(maps: torch.Tensor) -> float:
        return float((maps - truth).flatten(1).norm(dim=1).mean())

    more = {"target": "b", "background": background}
    truth = radar.explain(model, images, "shap", samples=2048, **more).maps[0]
    ours = torch.cat(
        [radar.explain(model, images, "shap", samples=32, seed=s, **more).maps for s in range(1, 9)]
    )
    generator = torch.Generator().manual_seed(0)
    independent = []
    for _ in range(8):
        chosen = background[torch.randint(4, (32,), generator=generator)]
        points = chosen + torch.rand((32, 1, 1, 1), generator=generator) * (images - chosen)
        points.requires_grad_()
        with model.held():
            gradient = torch.autograd.grad(model(points)[:, 1].sum(), points)[0]
        independent.append((gradient * (images - chosen)).mean(0).sum(0))
    assert spread(ours) < 0.4 * spread(torch.stack(independent))


def test_background_makes_the_difference():
    model, images = toys.conv(), toys.images(1)
    own = toys.classifier(model.module, "block", background=lambda _: toys.images(3, seed=8))
    given = radar.explain(own, images, "shap", background=toys.images(2, seed=9), samples=8)
    models = radar.explain(own, images, "shap", samples=8)
    without = radar.explain(model, images, "shap", samples=8)
    assert given.facts["background"] == "2 images given"
    assert models.facts["background"] == "3 images of the model"
    assert "black, grey and white" in without.facts["background"]
    assert len({given.maps.sum(), models.maps.sum(), without.maps.sum()}) == 3
