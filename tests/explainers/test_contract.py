"""What every registered explainer keeps to; being registered is being tested."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import radar_core as radar
from radar_core.errors import Cancelled
from radar_core.explainers import EXPLAINERS
from radar_core.metrics import METRICS
from radar_core.params import controls
from radar_core.runtime import Progress
from tests import toys

SHORT = {"samples": 40}  # toy runs, of the explainers that sample

each_explainer = pytest.mark.parametrize("name", list(EXPLAINERS))


def explain(model: radar.Classifier, images: Tensor, name: str, **more: Any) -> Any:
    short = {key: value for key, value in SHORT.items() if key in controls(EXPLAINERS[name])}
    return radar.explain(model, images, name, **{**short, **more})


@each_explainer
def test_explainer_gives_a_finite_map_of_the_image(name: str):
    found = explain(toys.conv(), toys.images(2), name)
    assert found.maps.shape == (2, toys.SIDE, toys.SIDE)
    assert found.maps.dtype == torch.float32
    assert bool(found.maps.isfinite().all())
    assert bool(found.maps.any())
    assert found.signed == EXPLAINERS[name].signed
    if not found.signed:
        assert float(found.maps.min()) >= 0
    assert found.targets[0] == found.targets[1]


@each_explainer
def test_explainer_same_seed_same_bits(name: str):
    model, images = toys.conv(), toys.images(2)
    first, again = (explain(model, images, name, seed=3) for _ in range(2))
    assert torch.equal(first.maps, again.maps)
    assert first.facts == again.facts


@each_explainer
def test_explainer_pairs_its_images(name: str):
    model, images = toys.conv(), toys.images(1)
    twice = explain(model, torch.cat([images, images]), name)
    assert torch.allclose(twice[0], twice[1], rtol=1e-5, atol=1e-7)
    assert all(
        value == pytest.approx(metric.high if metric.direction == "higher" else 0, abs=1e-5)
        for metric, value in (
            (METRICS[name], value) for name, value in radar.compare(twice[0], twice[1]).items()
        )
    )


@each_explainer
def test_explainer_of_the_first_does_not_depend_on_the_second(name: str):
    model, images = toys.conv(), toys.images(2)
    target = model.read(images)[0].label
    pair = explain(model, images, name, target=target)
    alone = explain(model, images[0], name, target=target)
    rounding = 1e-6 * float(alone.maps.abs().max())  # of sums that cancel, on some processors
    assert torch.allclose(pair[0], alone[0], rtol=1e-5, atol=rounding)


@each_explainer
def test_explainer_of_one_logit_speaks_for_both_classes(name: str):
    model, images = toys.one_logit(), toys.images(1)
    for target in "ab":
        found = explain(model, images, name, target=target)
        assert found.targets == (target,)
        if found.signed:
            assert bool(found.maps.any())
    if EXPLAINERS[name].signed:
        other = explain(model, images, name, target="a")
        assert torch.allclose(found.maps, -other.maps, rtol=1e-3, atol=1e-6)


@each_explainer
def test_explainer_changes_nothing_but_its_result(name: str):
    model, images = toys.disturbed(toys.conv()), toys.images(2)
    given = images.clone()
    before, drawn = toys.module_state(model), toys.global_random_state()
    found = explain(model, images, name)
    assert toys.module_state(model) == before
    assert toys.global_random_state() == drawn
    assert torch.equal(images, given)
    assert not found.maps.requires_grad


@each_explainer
@pytest.mark.parametrize("off", [torch.no_grad, torch.inference_mode])
def test_explainer_works_where_gradients_are_off(name: str, off: Any):
    model, images = toys.conv(), toys.images(2)
    with off():
        quiet = explain(model, images, name)
    assert torch.equal(quiet.maps, explain(model, images, name).maps)


@each_explainer
def test_explainer_leaves_the_model_after_an_error(name: str):
    model = toys.disturbed(toys.classifier(toys.Counted(toys.network(), fail=2), "module.block"))
    before = toys.module_state(model)
    with pytest.raises(RuntimeError, match="out of memory"):
        explain(model, toys.images(2), name)
    assert toys.module_state(model) == before


@each_explainer
@pytest.mark.parametrize("after", [1, 2])
def test_explainer_stops_within_one_pass(name: str, after: int):
    module = toys.Counted(toys.network(), stop_at=after)
    with pytest.raises(Cancelled):
        explain(
            toys.classifier(module, "module.block"),
            toys.images(2),
            name,
            progress=Progress(stop=module.stop),
        )
    assert module.count == after


@each_explainer
def test_explainer_states_its_background(name: str):
    found = explain(toys.conv(), toys.images(1), name)
    assert ("background" in found.facts) == EXPLAINERS[name].needs_background


@each_explainer
def test_explainer_keeps_to_its_declared_cost(name: str):
    found = explain(toys.conv(), toys.images(3), name, target="b")
    cost = EXPLAINERS.create(name, **found.parameters).cost
    assert 0 < found.passes.forward <= 3 * cost.forward
    assert found.passes.backward <= 3 * cost.backward
    assert (found.passes.backward > 0) == EXPLAINERS[name].needs_gradients


@each_explainer
def test_explainer_declares_what_it_needs(name: str):
    method = EXPLAINERS[name]
    for said in ("signed", "needs_background", "needs_gradients", "needs_layer", "draws"):
        assert isinstance(getattr(method, said), bool)


@pytest.mark.parametrize("name", [n for n in EXPLAINERS if not EXPLAINERS[n].needs_gradients])
def test_explainer_without_gradients_reads_a_model_that_gives_none(name: str):
    found = explain(toys.flat(), toys.images(1), name)
    assert bool(found.maps.isfinite().all())
    assert found.passes.backward == 0
