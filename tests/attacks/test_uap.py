"""UAP: the optimum where it is known, its first step re-derived, its strength on the phantom."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import radar_core as radar
from radar_core.data.sampling import in_turn, readable
from radar_core.errors import BadModel, Cancelled
from radar_core.runtime import Progress, count_passes, generator
from radar_core.types import AttackResult
from tests import toys


def by_class(model: radar.Classifier, images: Tensor) -> dict[str, Tensor]:
    """The images that are read as each class."""
    read = [r.label for r in model.read(images)]
    return {name: images[[label == name for label in read]] for name in sorted(set(read))}


def fooling_rate(result: AttackResult) -> float:
    return result.status.count("flipped") / len(result.status)


@pytest.fixture(scope="module")
def two_classes() -> tuple[radar.Classifier, Tensor, Tensor, Tensor]:
    """A linear model, images of either class, and the change that raises the second class most."""
    model = toys.linear(2)
    groups = by_class(model, toys.images(64, seed=3))
    weights = model.module.head.weight.detach().view(2, 3, toys.SIDE, toys.SIDE)
    return model, groups["a"], groups["b"], (weights[1] - weights[0]).sign()


def test_finds_the_optimum_of_a_linear_model(two_classes: Any):
    model, first, second, best = two_classes
    assert torch.equal(radar.fit(model, first[:8]).values, best)
    assert torch.equal(radar.fit(model, second[:8]).values, -best)
    assert torch.equal(radar.fit(model, first[:8], target="b").values, best)


def test_one_image_is_enough(two_classes: Any):
    model, first, _, best = two_classes
    pattern = radar.fit(model, first[0])
    assert pattern.images == 1
    assert torch.equal(pattern.values, best)


def test_does_not_depend_on_the_level_of_the_logits(two_classes: Any):
    _, first, second, best = two_classes
    model = toys.linear(2)
    with torch.no_grad():
        model.module.head.bias -= 100
    mixed = torch.cat([first[:6], second[:2]])
    shifted = radar.fit(model, mixed, clip=1.0)
    plain = radar.fit(toys.linear(2), mixed, clip=1.0)
    assert float((shifted.values == plain.values).float().mean()) > 0.99
    assert not torch.equal(plain.values.abs(), best.abs()), "clipping is at work here"


def test_does_not_depend_on_the_scale_of_the_logits():
    models = [toys.conv(seed=3), toys.conv(seed=3)]
    with torch.no_grad():
        models[1].module.head.weight *= 64
        models[1].module.head.bias *= 64
    images = toys.images(16, seed=5)
    first, second = (radar.fit(model, images, clip=1.0) for model in models)
    assert float((first.values == second.values).float().mean()) > 0.99


def test_first_step_follows_the_summed_gradient_of_the_margins():
    model, images = toys.conv(seed=3), toys.images(12, seed=5)
    pattern = radar.fit(model, images, epochs=1, batch=12, step_size=0.25)
    leaf = images.clone().requires_grad_()
    with model.held():
        logits = model(leaf)
        read = logits.argmax(1)
        assert len(read.unique()) > 1
        own = logits.gather(1, read[:, None])[:, 0]
        best_other = logits.masked_fill(torch.eye(3, dtype=torch.bool)[read], -1e9).amax(1)
        (best_other - own).sum().backward()
    assert torch.equal(pattern.values, 0.25 * leaf.grad.sum(0).sign())


def test_many_that_are_over_do_not_drown_one_that_is_not(two_classes: Any):
    model, first, second, best = two_classes
    mixed = torch.cat([first[:6], second[:2]])
    unclipped = radar.fit(model, mixed, batch=8, clip=1000.0)
    assert torch.equal(unclipped.values, best), "the majority has it"
    clipped = radar.fit(model, mixed, batch=8, epochs=20, clip=0.5)
    lean = float((clipped.values * best).mean())
    assert abs(lean) < 0.9, "once the majority is over, the others are heard"


def test_adds_the_pattern_times_epsilon():
    model, images = toys.conv(), toys.images(4)
    pattern = radar.fit(model, toys.images(8, seed=5), epochs=2)
    result = radar.attack(model, images, "uap", "6/255", pattern=pattern)
    expected = (images + 6 / 255 * pattern.values).clamp(0, 1)
    assert torch.allclose(result.images, expected, rtol=0, atol=1e-7)
    assert (result.passes.forward, result.passes.backward) == (8, 0), "one reading each"


def test_costs_a_reading_and_a_gradient_an_epoch():
    with count_passes() as passes:
        radar.fit(toys.conv(), toys.images(9), epochs=3, batch=4)
    assert passes.backward == 3 * 9
    assert passes.forward == 9 + 3 * 9 + 2 * 9, "and reads them twice at the end, for `fooled`"


def test_memory_only_splits_the_passes(monkeypatch: pytest.MonkeyPatch):
    model, images = toys.conv(seed=3), toys.images(9)
    whole = radar.fit(model, images, batch=5)
    module = model.module
    sizes: list[int] = []
    hook = module.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    monkeypatch.setattr("radar_core.attacks.uap.rows_at_once", lambda *_: 2)
    monkeypatch.setattr("radar_core.attacks.axis.rows_at_once", lambda *_: 2)
    parts = radar.fit(model, images, batch=5)
    hook.remove()
    assert max(sizes) == 2
    assert float((whole.values == parts.values).float().mean()) > 0.99


def test_seed_decides_the_order():
    model, images = toys.conv(seed=3), toys.images(12, seed=5)
    first, again, other = (radar.fit(model, images, batch=3, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.values, again.values)
    assert first.fooled == again.fooled
    assert not torch.equal(first.values, other.values)


def test_fit_leaves_everything_as_it_was():
    model, images = toys.disturbed(toys.conv()), toys.images(4)
    given, before, drawn = images.clone(), toys.module_state(model), toys.global_random_state()
    with torch.no_grad():
        quiet = radar.fit(model, images, epochs=2)
    assert toys.module_state(model) == before
    assert toys.global_random_state() == drawn
    assert torch.equal(images, given)
    assert torch.equal(quiet.values, radar.fit(model, images, epochs=2).values)


@pytest.mark.parametrize("after", [1, 2, 4, 7])
def test_fit_stops_within_one_pass(after: int):
    module = toys.Counted(toys.network(), stop_at=after)
    model = toys.classifier(module, "module.block")
    with pytest.raises(Cancelled):
        radar.fit(model, toys.images(6), epochs=2, batch=3, progress=Progress(stop=module.stop))
    assert module.count == after


def test_fit_progress_only_grows():
    seen: list[float] = []
    watcher = Progress(lambda fraction, _: seen.append(fraction))
    radar.fit(toys.conv(), toys.images(7), epochs=3, batch=2, progress=watcher)
    assert seen == sorted(seen)
    assert seen[0] == 0
    assert seen[-1] == pytest.approx(1)
    assert len(seen) > 3 * 4


class Severed(nn.Module):
    """Passes no gradient on."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = toys.network()

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x.detach())


@pytest.mark.parametrize("module", [toys.Steps, Severed])
def test_a_model_without_a_gradient_gets_a_pattern_that_does_nothing(module: Any):
    classes = "ab" if module is toys.Steps else "abc"
    layer = "keep" if module is toys.Steps else "inner.block"
    model, dark = toys.classifier(module().eval(), layer, classes), 0.2 * toys.images(3)
    pattern = radar.fit(model, dark, epochs=2)
    assert float(pattern.values.abs().max()) == 0
    assert pattern.fooled == 0
    assert radar.attack(model, dark, "uap", "8/255", pattern=pattern).status == ("no-op",) * 3


def test_a_broken_model_is_said_before_anything_is_fitted():
    module = toys.Counted(toys.network())
    with torch.no_grad():
        module.module.head.bias[0] = torch.nan
    with pytest.raises(BadModel, match="not numbers"):
        radar.fit(toys.classifier(module, "module.block"), toys.images(4))
    assert module.count == 1


def test_the_images_it_was_fitted_on_flatter_it():
    model, sets = toys.linear(), [toys.images(8, seed=seed) for seed in range(5, 10)]
    seen, unseen = [], []
    for number, images in enumerate(sets):
        pattern = radar.fit(model, images, fitted_eps=4.0, clip=0.5, batch=4)
        for other, tested in enumerate(sets):
            result = radar.attack(model, tested, "uap", "4/255", pattern=pattern)
            (seen if other == number else unseen).append(fooling_rate(result))
            if other == number:
                assert fooling_rate(result) == pattern.fooled
    assert sum(seen) / len(seen) > sum(unseen) / len(unseen) + 0.1


@pytest.fixture(scope="module")
def phantom() -> tuple[radar.Classifier, Tensor, Tensor]:
    """The shipped model, 24 images to fit on and 48 of another split."""
    model = radar.load_model("phantom")

    def some(split: str, count: int) -> Tensor:
        data = radar.open_data("phantom", split=split)
        cases = readable(data, in_turn(data, 44), count)
        return torch.cat([model.prepare(case.image) for case in cases])

    return model, some("train", 24), some("test", 48)


def test_fools_unseen_images_far_more_often_than_noise(phantom: Any):
    model, seen, unseen = phantom
    pattern = radar.fit(model, seen, epochs=2)
    result = radar.attack(model, unseen, "uap", "8/255", pattern=pattern)
    signs = torch.randint(2, unseen.shape[1:], generator=generator(0)) * 2.0 - 1.0
    noisy = model.read((unseen + 8 / 255 * signs).clamp(0, 1))
    pairs = zip(result.readings_clean, noisy, strict=True)
    noise = sum(before.label != after.label for before, after in pairs) / len(noisy)
    assert fooling_rate(result) >= noise + 0.2
