"""What every registered attack keeps to; being registered is being tested."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor

import radar_core as radar
from radar_core.attacks import ATTACKS
from radar_core.epsilon import parse_epsilon
from radar_core.errors import Cancelled
from radar_core.params import controls
from radar_core.runtime import Progress
from tests import toys

EPS = "4/255"
# Toy runs, of the attacks that have these parameters.
SHORT = {"steps": 5, "queries": 40, "epochs": 2, "neighbours": 2, "copies": 2, "rounds": 3}


def those(test: Callable[[Any], bool]) -> Any:
    """Run a test with each attack of which something is true."""
    return pytest.mark.parametrize("name", [name for name in ATTACKS if test(ATTACKS[name])])


each_attack = those(lambda _: True)
budgeted = those(lambda method: method.placing == "budget")
nearest = those(lambda method: method.placing == "distance")
targetable = those(lambda method: method.targetable)
by_gradient = those(lambda method: method.family in ("gradient", "minimum norm"))


def short(name: str) -> dict[str, Any]:
    """Parameters for a quick run."""
    return {key: value for key, value in SHORT.items() if key in controls(ATTACKS[name])}


def needed(model: radar.Classifier, name: str, aim: Any = None, count: int = 24) -> dict[str, Any]:
    """What an attack is given beside the images: a pattern fitted on others, or a detector."""
    if ATTACKS[name].family == "knows the screening":
        return {"guard": toys.guard(model)}
    if ATTACKS[name].family != "universal":
        return {}
    whom = toys.conv() if isinstance(model.module, toys.Counted) else model
    target = aim if isinstance(aim, str) or aim is None else aim[0]
    fitted = radar.fit(whom, toys.images(count, seed=5), name, target=target, **short(name))
    return {"pattern": fitted}


def attack(model: radar.Classifier, images: Tensor, name: str, eps: str = EPS, **more: Any) -> Any:
    """Attack with few steps."""
    given = {**short(name), **more}
    if "pattern" not in given:
        given |= needed(model, name, given.get("target"))
    return radar.attack(model, images, name, eps, **given)


@cache
def usual(name: str) -> tuple[radar.Classifier, Tensor, Any]:
    """A model, images, and what an attack makes of them; computed once, for all who only read."""
    model, images = toys.conv(), toys.images()
    return model, images.clone(), attack(model, images, name)


@budgeted
@pytest.mark.parametrize("eps", ["1/255", "8/255", "0.3", "normalised:0.05"])
def test_attack_stays_within_radius_and_range(name: str, eps: str):
    model, images = toys.conv(), toys.images(2)
    result = attack(model, images, name, eps)
    radii = parse_epsilon(eps).radii
    if ATTACKS[name].norm == "linf":
        reached = (result.images - result.clean).abs().amax((0, 2, 3))
        assert all(float(r) <= limit for r, limit in zip(reached, radii, strict=True))
        assert all(value <= max(radii) for value in result.linf)


@each_attack
def test_attack_gives_images(name: str):
    _, images, result = usual(name)
    assert result.images.dtype == torch.float32
    assert result.images.shape == images.shape
    assert float(result.images.min()) >= 0
    assert float(result.images.max()) <= 1
    assert len(result.distances) == (4 if ATTACKS[name].placing == "distance" else 0)


@each_attack
def test_attack_reports_what_it_did(name: str):
    model, images, result = usual(name)
    assert torch.equal(result.clean, images)
    difference = (result.images - images).flatten(1)
    assert result.linf == pytest.approx(difference.abs().amax(1).tolist())
    assert result.l2 == pytest.approx(difference.norm(dim=1).tolist(), rel=1e-5)
    read = model.read(result.images)
    for said, found in zip(result.readings_attacked, read, strict=True):
        assert said.label == found.label
        assert said.probability == pytest.approx(found.probability, abs=1e-5)
    for status, before, after, moved in zip(
        result.status, result.readings_clean, result.readings_attacked, result.linf, strict=True
    ):
        assert status == (
            "flipped" if before.label != after.label else "held" if moved else "no-op"
        )


@those(lambda method: method.family == "gradient" and method.placing == "budget")
def test_attack_succeeds_with_room(name: str):
    result = attack(toys.linear(), toys.images(), name, "64/255")
    assert result.status == ("flipped",) * 4


@nearest
def test_nearest_example_is_placed_by_its_distance(name: str):
    model, images = toys.linear(), toys.images()
    free = attack(model, images, name, "own", steps=30)
    assert free.status == ("flipped",) * 4
    norm = free.linf if free.norm == "linf" else free.l2
    assert free.distances == pytest.approx(norm, rel=1e-5)
    furthest = max(d for d in free.distances if d is not None)
    wide = attack(model, images, name, str(furthest * 1.01), steps=30)
    assert torch.equal(wide.images, free.images)
    narrow = attack(model, images, name, str(min(norm) * 0.5), steps=30)
    assert narrow.status == ("held",) * 4
    assert narrow.distances == free.distances
    assert max(narrow.linf if narrow.norm == "linf" else narrow.l2) <= min(norm) * 0.5


GRID = ["0", "2/255", "8/255"]


@cache
def along(name: str) -> tuple[radar.Classifier, Tensor, dict[str, Any], Any]:
    """A model, two images, what the attack is given, and its frame at each ε of `GRID`."""
    model, images = toys.linear(), toys.images(2)
    aid = needed(model, name, count=8)
    frames = radar.attack_grid(model, images, name, GRID, **aid, **short(name))
    return model, images, aid, frames


@each_attack
def test_grid_gives_each_frame_as_alone(name: str):
    model, images, aid, frames = along(name)
    assert len(frames) == 3
    for eps, frame in zip(GRID, frames, strict=True):
        alone = attack(model, images, name, eps, **aid)
        assert frame.status == alone.status
        assert torch.allclose(frame.images, alone.images, atol=1e-6)
        assert frame.distances == pytest.approx(alone.distances)


@each_attack
def test_grid_is_the_same_whatever_fits_into_a_batch(name: str, monkeypatch: pytest.MonkeyPatch):
    model, images, aid, whole = along(name)
    for rows in (2, 3):  # at the border of an image, and within one
        monkeypatch.setattr("radar_core.attacks.axis.rows_at_once", lambda *_, rows=rows: rows)
        parts = radar.attack_grid(model, images, name, GRID, **aid, **short(name))
        for one, other in zip(whole, parts, strict=True):
            assert one.status == other.status
            assert torch.allclose(one.images, other.images, atol=1e-6)
            assert [len(h) for h in one.history] == [len(h) for h in other.history]


@each_attack
def test_attack_same_seed_same_bits(name: str):
    _, _, first = usual(name)
    again = attack(toys.conv(), toys.images(), name)
    assert torch.equal(first.images, again.images)
    assert first.readings_attacked == again.readings_attacked


@each_attack
def test_attack_of_a_batch_is_that_of_each(name: str, monkeypatch: pytest.MonkeyPatch):
    model, images = toys.linear(), toys.images()
    together = attack(model, images, name)
    monkeypatch.setattr("radar_core.attacks.axis.rows_at_once", lambda *_: 1)
    alone = attack(model, images, name)
    assert together.status == alone.status
    assert torch.allclose(together.images, alone.images, atol=1e-6)
    assert alone.passes == together.passes
    last = attack(model, images[-1], name)
    assert torch.allclose(last.images[0], together.images[-1], atol=1e-6)


@those(lambda method: method.targetable and method.family == "gradient")
def test_attack_reaches_a_target(name: str):
    model, images = toys.linear(), toys.images()
    read = [r.label for r in model.read(images)]
    targets = ["a" if label != "a" else "b" for label in read]
    result = attack(model, images, name, "64/255", target=targets)
    assert [r.label for r in result.readings_attacked] == targets
    assert result.status == ("flipped",) * 4


@targetable
def test_attack_leaves_an_image_that_is_at_its_target(name: str):
    model, images = toys.conv(), toys.images()
    read = [r.label for r in model.read(images)]
    images = images[[i for i, label in enumerate(read) if label == read[0]]]
    result = attack(model, images, name, target=read[0])
    assert set(result.status) == {"no-op"}
    assert torch.equal(result.images, images)


@those(lambda method: method.placing != "own")
def test_attack_with_no_room_is_a_noop(name: str):
    images = toys.images(2)
    result = attack(toys.conv(), images, name, "0")
    assert result.status == ("no-op",) * 2
    assert torch.equal(result.images, images)
    assert result.linf == (0.0, 0.0)
    assert result.changed == (0.0, 0.0)


@by_gradient
def test_attack_without_gradient_is_a_noop_never_held(name: str):
    dark = 0.2 * toys.images(2)
    assert attack(toys.flat(), dark, name).status == ("no-op",) * 2


@each_attack
def test_attack_on_one_logit(name: str):
    model, images = toys.one_logit(), toys.images(12)[6:]  # one of them is easily turned
    wide = ATTACKS[name].placing == "budget"
    result = attack(model, images, name, "16/255" if wide else "own")
    truly = [
        r.label != s.label
        for r, s in zip(model.read(images), model.read(result.images), strict=True)
    ]
    assert tuple(status == "flipped" for status in result.status) == tuple(truly)
    assert any(truly) or ATTACKS[name].family in ("benign", "black box", "explanation")
    assert set(result.readings_attacked[0].probabilities) == {"a", "b"}


@each_attack
def test_attack_on_a_wrong_reading_says_so(name: str):
    model, images = toys.conv(), toys.images(2)
    read = [r.label for r in model.read(images)]
    wrong = "a" if read[0] != "a" else "b"
    result = attack(model, images, name, label=[wrong, None])
    assert result.status[0] == "already wrong"
    assert result.status[1] != "already wrong"


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
    model, images, result = usual(name)
    with off():
        quiet = attack(model, images, name)
    assert torch.equal(quiet.images, result.images)
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
