"""What every registered attack, explainer and metric keeps to; being registered is being tested."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import torch
from torch import Tensor

import radar_core as radar
from radar_core.attacks import ATTACKS
from radar_core.epsilon import parse_epsilon
from radar_core.errors import BadParameter, Cancelled
from radar_core.explainers import EXPLAINERS
from radar_core.metrics import METRICS
from radar_core.params import controls
from radar_core.runtime import Progress
from tests import toys

EPS = "4/255"
SHORT = {"samples": 40, "steps": 5}  # toy runs; a method takes those it has

each_attack = pytest.mark.parametrize("name", list(ATTACKS))
each_explainer = pytest.mark.parametrize("name", list(EXPLAINERS))
each_metric = pytest.mark.parametrize("name", list(METRICS))


def short(method: type) -> dict[str, Any]:
    return {key: value for key, value in SHORT.items() if key in controls(method)}


def attack(model: radar.Classifier, images: Tensor, name: str, eps: str = EPS, **more: Any) -> Any:
    return radar.attack(model, images, name, eps, **{**short(ATTACKS[name]), **more})


def explain(model: radar.Classifier, images: Tensor, name: str, **more: Any) -> Any:
    return radar.explain(model, images, name, **{**short(EXPLAINERS[name]), **more})


# Every method


@pytest.mark.parametrize(
    ("registry", "name"),
    [(registry, name) for registry in (ATTACKS, EXPLAINERS, METRICS) for name in registry],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_declares_itself(registry: Any, name: str):
    method = registry[name]
    assert method.title
    assert method.source
    assert isinstance(method.order, int)
    assert method.__dataclass_params__.frozen
    for field in dataclasses.fields(method):
        control = field.metadata["control"]
        assert control.title
        if control.kind in ("int", "float"):
            assert control.low <= control.default <= control.high
            with pytest.raises(BadParameter):
                registry.create(name, **{field.name: control.high + 1})


# Attacks


@each_attack
@pytest.mark.parametrize("eps", ["1/255", "8/255", "0.3", "normalised:0.05"])
def test_attack_stays_within_radius_and_range(name: str, eps: str):
    model, images = toys.conv(), toys.images()
    result = attack(model, images, name, eps)
    radii = parse_epsilon(eps).radii
    assert result.images.dtype == torch.float32
    assert result.images.shape == images.shape
    assert float(result.images.min()) >= 0
    assert float(result.images.max()) <= 1
    if ATTACKS[name].norm == "linf":
        reached = (result.images - result.clean).abs().amax((0, 2, 3))
        assert all(float(r) <= limit for r, limit in zip(reached, radii, strict=True))
        assert all(value <= max(radii) for value in result.linf)


@each_attack
def test_attack_reports_what_it_did(name: str):
    model, images = toys.conv(), toys.images()
    result = attack(model, images, name)
    assert torch.equal(result.clean, images)
    difference = (result.images - images).flatten(1)
    assert result.linf == pytest.approx(difference.abs().amax(1).tolist())
    assert result.l2 == pytest.approx(difference.norm(dim=1).tolist(), rel=1e-5)
    read = model.read(result.images)
    for said, found in zip(result.readings_attacked, read, strict=True):
        assert said.label == found.label
        assert said.probability == pytest.approx(found.probability, abs=1e-5)
    for status, before, after in zip(
        result.status, result.readings_clean, result.readings_attacked, strict=True
    ):
        assert status == ("flipped" if before.label != after.label else "held")


@each_attack
def test_attack_succeeds_with_room(name: str):
    result = attack(toys.linear(), toys.images(), name, "64/255")
    assert result.status == ("flipped",) * 4


@each_attack
def test_attack_same_seed_same_bits(name: str):
    model, images = toys.conv(), toys.images()
    first, again = (attack(model, images, name, seed=7) for _ in range(2))
    assert torch.equal(first.images, again.images)
    assert first.readings_attacked == again.readings_attacked


@each_attack
def test_attack_of_a_batch_is_that_of_each(name: str, monkeypatch: pytest.MonkeyPatch):
    model, images = toys.linear(), toys.images()
    together = attack(model, images, name)
    monkeypatch.setattr("radar_core.api.batch_size", lambda *_, **__: 1)
    alone = attack(model, images, name)
    assert together.status == alone.status
    assert torch.allclose(together.images, alone.images, atol=1e-6)
    assert alone.passes == together.passes
    last = attack(model, images[-1], name)
    assert torch.allclose(last.images[0], together.images[-1], atol=1e-6)


@each_attack
def test_attack_reaches_a_target(name: str):
    model, images = toys.linear(), toys.images()
    read = [r.label for r in model.read(images)]
    targets = ["a" if label != "a" else "b" for label in read]
    result = attack(model, images, name, "64/255", target=targets)
    assert [r.label for r in result.readings_attacked] == targets
    assert result.status == ("flipped",) * 4


@each_attack
def test_attack_leaves_an_image_that_is_at_its_target(name: str):
    model, images = toys.conv(), toys.images(2)
    read = [r.label for r in model.read(images)]
    result = attack(model, images, name, target=read)
    assert result.status == ("no-op",) * 2
    assert torch.equal(result.images, images)


@each_attack
def test_attack_with_no_room_is_a_noop(name: str):
    images = toys.images(2)
    result = attack(toys.conv(), images, name, "0")
    assert result.status == ("no-op",) * 2
    assert torch.equal(result.images, images)
    assert result.linf == (0.0, 0.0)
    assert result.changed == (0.0, 0.0)


@each_attack
def test_attack_without_gradient_is_a_noop_never_held(name: str):
    dark = 0.2 * toys.images(2)
    assert attack(toys.flat(), dark, name).status == ("no-op",) * 2


@each_attack
def test_attack_on_one_logit(name: str):
    model, images = toys.one_logit(), toys.images()
    result = attack(model, images, name, "16/255")
    truly = [
        r.label != s.label
        for r, s in zip(model.read(images), model.read(result.images), strict=True)
    ]
    assert result.status == tuple("flipped" if flip else "held" for flip in truly)
    assert any(truly)
    assert set(result.readings_attacked[0].probabilities) == {"a", "b"}


@each_attack
def test_attack_on_a_wrong_reading_says_so(name: str):
    model, images = toys.conv(), toys.images(2)
    read = [r.label for r in model.read(images)]
    wrong = "a" if read[0] != "a" else "b"
    result = attack(model, images, name, label=[wrong, None])
    assert result.status[0] == "already wrong"
    assert result.status[1] in ("flipped", "held")


@each_attack
def test_attack_changes_nothing_but_its_result(name: str):
    model, images = toys.disturbed(toys.conv()), toys.images(2)
    given = images.clone()
    before, drawn = toys.module_state(model), toys.global_random_state()
    attack(model, images, name)
    assert toys.module_state(model) == before
    assert toys.global_random_state() == drawn
    assert torch.equal(images, given)
    assert not images.requires_grad


@each_attack
@pytest.mark.parametrize("off", [torch.no_grad, torch.inference_mode])
def test_attack_works_where_gradients_are_off(name: str, off: Any):
    model, images = toys.conv(), toys.images(2)
    with off():
        quiet = attack(model, images, name)
    assert torch.equal(quiet.images, attack(model, images, name).images)
    assert not quiet.images.requires_grad


@each_attack
def test_attack_leaves_the_model_after_an_error(name: str):
    model = toys.disturbed(toys.classifier(toys.Counted(toys.network(), fail=2), "module.block"))
    before = toys.module_state(model)
    with pytest.raises(RuntimeError, match="out of memory"):
        attack(model, toys.images(2), name)
    assert toys.module_state(model) == before


@each_attack
@pytest.mark.parametrize("after", [1, 2])
def test_attack_stops_within_one_pass(name: str, after: int):
    module = toys.Counted(toys.network(), stop_at=after)
    with pytest.raises(Cancelled):
        attack(
            toys.classifier(module, "module.block"),
            toys.images(2),
            name,
            progress=Progress(stop=module.stop),
        )
    assert module.count == after


@each_attack
def test_attack_progress_only_grows(name: str):
    seen: list[float] = []
    attack(toys.conv(), toys.images(2), name, progress=Progress(lambda f, _: seen.append(f)))
    assert seen == sorted(seen)
    assert seen[0] == 0
    assert seen[-1] == pytest.approx(1)


# Explainers


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
        value == pytest.approx(METRICS[metric].high if METRICS[metric].direction == "higher" else 0)
        for metric, value in radar.compare(twice[0], twice[1]).items()
    )


@each_explainer
def test_explainer_of_the_first_does_not_depend_on_the_second(name: str):
    model, images = toys.conv(), toys.images(2)
    target = model.read(images)[0].label
    pair = explain(model, images, name, target=target)
    alone = explain(model, images[0], name, target=target)
    assert torch.allclose(pair[0], alone[0], rtol=1e-5, atol=1e-7)


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


# Metrics


def maps() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(5)
    noise = torch.randn((24, 20), generator=generator)
    bump = torch.zeros(24, 20)
    bump[4:9, 3:8] = torch.rand((5, 5), generator=generator)
    return {
        "signed noise": noise,
        "other noise": torch.randn((24, 20), generator=generator),
        "positive": noise.abs(),
        "mostly zero": bump,
        "patches": (noise * 2).round(),
        "one pixel": torch.zeros(24, 20).index_put(
            (torch.tensor(3), torch.tensor(4)), torch.ones(())
        ),
        "huge": noise * 1e30,
        "tiny": noise * 1e-30,
        "zero": torch.zeros(24, 20),
        "constant": torch.full((24, 20), 0.7),
    }


def best(metric: Any) -> float:
    return float(metric.high if metric.direction == "higher" else metric.low)


@each_metric
@pytest.mark.parametrize("first", maps())
def test_metric_keeps_its_bounds_and_is_symmetric(name: str, first: str):
    for second, other in maps().items():
        value = radar.compare(maps()[first], other, [name])[name]
        back = radar.compare(other, maps()[first], [name])[name]
        assert isinstance(value, float)
        if math.isnan(value):
            assert math.isnan(back)
            assert {first, second} & {"zero", "constant"}, "only a map without structure may"
        else:
            assert METRICS[name].low <= value <= METRICS[name].high
            assert back == pytest.approx(value, abs=1e-12)


@each_metric
@pytest.mark.parametrize("which", maps())
def test_metric_of_a_map_with_itself_is_the_best(name: str, which: str):
    value = radar.compare(maps()[which], maps()[which], [name])[name]
    assert value == best(METRICS[name])


@each_metric
@pytest.mark.parametrize("flat", ["zero", "constant"])
def test_metric_of_a_map_without_structure_is_not_the_best(name: str, flat: str):
    for other in ("signed noise", "positive", "mostly zero", "one pixel"):
        assert radar.compare(maps()[other], maps()[flat], [name])[name] != best(METRICS[name])


@each_metric
def test_metric_of_a_broken_map_is_undefined(name: str):
    broken = maps()["positive"]
    for value in (math.nan, math.inf):
        broken[3, 3] = value
        assert math.isnan(radar.compare(broken, broken, [name])[name])
        assert math.isnan(radar.compare(maps()["positive"], broken, [name])[name])


@each_metric
def test_metric_prefers_the_nearer_map(name: str):
    first, far = maps()["positive"], maps()["mostly zero"]
    near = first + 0.05 * maps()["other noise"]
    values = [radar.compare(first, second, [name])[name] for second in (near, far)]
    assert (values[0] > values[1]) == (METRICS[name].direction == "higher")


@pytest.mark.parametrize("name", [name for name in METRICS if METRICS[name].chance is not None])
def test_metric_at_chance(name: str):
    generator = torch.Generator().manual_seed(2)
    values = [
        radar.compare(*torch.rand((2, 64, 64), generator=generator), [name])[name]
        for _ in range(20)
    ]
    assert sum(values) / 20 == pytest.approx(METRICS[name].chance, abs=0.01)
