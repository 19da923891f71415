"""DeepFool: exact where the classifier is linear, and the same distances as foolbox's elsewhere."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import radar_core as radar
from radar_core.attacks.balls import distance
from tests import toys


def read(model: radar.Classifier, images: Tensor) -> Tensor:
    """The classes that the model reads."""
    return torch.tensor([model.index(r.label) for r in model.read(images)])


def middling(count: int = 4) -> Tensor:
    """Images so far from black and white that no short step is cut."""
    return 0.3 + 0.4 * toys.images(count)


def planes(model: radar.Classifier, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of a linear model: classes read, and (n, k) distances and (n, k, d) normals of boundaries."""
    with torch.no_grad(), model.held():
        logits = model(images)
    own = logits.argmax(1)
    weight = model.module.head.weight.detach().view(-1, 3, toys.SIDE, toys.SIDE) / model.std
    normals = weight.flatten(1) - weight.flatten(1)[own][:, None]
    away = (logits.gather(1, own[:, None]) - logits) / normals.norm(dim=2)
    return own, away.scatter(1, own[:, None], torch.inf), normals


def rival(model: nn.Module, images: Tensor, classes: Tensor, **options: Any) -> Tensor:
    """What foolbox's DeepFool finds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        foolbox = pytest.importorskip("foolbox", reason="a rival to compare with")
    wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")
    attack = foolbox.attacks.L2DeepFoolAttack(overshoot=0.02, **options)
    found: Tensor = attack(wrapped, images, classes, epsilons=None)[0]
    return found


@pytest.mark.parametrize("overshoot", [0.02, 0.5])
def test_goes_the_exact_distance_on_a_linear_model(overshoot: float):
    model, images = toys.linear(2), middling()
    result = radar.attack(model, images, "deepfool", overshoot=overshoot)
    _, away, normals = planes(model, images)
    expected = (1 + overshoot) * (away.amin(1) + 1e-4)
    assert result.status == ("flipped",) * 4
    assert result.distances == pytest.approx(expected.tolist(), rel=1e-3)
    along = (result.images - images).flatten(1)
    straight = nn.functional.cosine_similarity(along, normals[torch.arange(4), away.argmin(1)])
    assert torch.allclose(straight, torch.ones(4), atol=1e-4)


def test_goes_over_the_nearest_of_many_planes():
    model, images = toys.linear(7), middling(16)
    own, away, _ = planes(model, images)
    runner_up = model.probabilities(images).scatter(1, own[:, None], 0).argmax(1)
    assert bool((away.argmin(1) != runner_up).any()), "the likeliest plane is always the nearest"
    result = radar.attack(model, images, "deepfool")
    assert torch.equal(read(model, result.images), away.argmin(1))
    assert result.distances == pytest.approx((1.02 * (away.amin(1) + 1e-4)).tolist(), rel=1e-3)
    fewer = radar.attack(model, images, "deepfool", candidates=2)
    assert torch.equal(read(model, fewer.images), runner_up)


def test_goes_on_where_the_cut_to_images_undoes_the_flip():
    # Every second value is white, and cannot rise: the first step is cut, and falls short.
    model, images = toys.linear(2), middling()
    images[..., ::2] = 1.0
    one = radar.attack(model, images, "deepfool", steps=1)
    assert one.status == ("no-op",) * 4
    assert torch.equal(one.images, images), "no example: the clean image"
    assert one.distances == (None,) * 4
    more = radar.attack(model, images, "deepfool", steps=20)
    assert more.status == ("flipped",) * 4
    assert float(more.images.max()) == 1.0
    assert min(len(margins) for margins in more.history) > 1


@pytest.mark.parametrize("recheck", [1, 2])
def test_is_as_near_as_foolbox(recheck: int):
    model, images = toys.conv(seed=3), toys.images(24)
    with model.held():
        theirs = distance(rival(model, images, read(model, images), steps=10) - images, "l2")
    ours = radar.attack(model, images, "deepfool", steps=10, recheck=recheck)
    assert ours.status == ("flipped",) * 24
    assert ours.l2 == pytest.approx(theirs.tolist(), rel=5e-3)
    assert torch.tensor(ours.l2).median() <= 1.02 * theirs.median()


def test_is_as_near_as_foolbox_on_the_phantom():
    model, cases = radar.load_model("phantom"), radar.open_data("phantom", split="test")
    images = model.prepare(torch.stack([cases[i].image for i in range(8)]))
    ours = radar.attack(model, images, "deepfool", steps=5, candidates=2)
    with model.held():
        found = rival(model, images, read(model, images), steps=5, candidates=2)
    theirs = distance(found - images, "l2")
    assert ours.status == ("flipped",) * 8
    assert ours.l2 == pytest.approx(theirs.tolist(), rel=5e-3)


def test_does_not_depend_on_a_common_offset():
    images = toys.images(8)
    plain = radar.attack(toys.conv(seed=3), images, "deepfool")
    shifted = toys.conv(seed=3)
    shifted.module.head.bias.data -= 100
    moved = radar.attack(shifted, images, "deepfool")
    assert plain.status == moved.status == ("flipped",) * 8
    assert moved.distances == pytest.approx(plain.distances, rel=1e-3)


def test_flips_a_model_of_one_logit():
    model, images = toys.one_logit(), toys.images(8)
    result = radar.attack(model, images, "deepfool")
    assert result.status == ("flipped",) * 8
    assert bool((read(model, result.images) != read(model, images)).all())


def test_reaches_a_target_no_nearer_than_the_nearest_class():
    model, images = toys.linear(5), middling(8)
    own, away, _ = planes(model, images)
    target = (own + 1) % 5
    names = [model.class_names[i] for i in target]
    result = radar.attack(model, images, "deepfool", target=names)
    free = radar.attack(model, images, "deepfool")
    assert torch.equal(read(model, result.images), target)
    # The plane to the target is at least to be reached, or another class stands before it.
    to_target = away.gather(1, target[:, None])[:, 0]
    assert bool((torch.tensor(result.l2) >= 0.999 * to_target).all())
    assert all(a >= b * 0.999 for a, b in zip(result.l2, free.l2, strict=True))


def test_costs_a_pass_a_step_and_a_gradient_a_candidate():
    model, images = toys.linear(7), middling(3)
    result = radar.attack(model, images, "deepfool")
    # Read, linearised beyond the likeliest rival, and read after the one step that a plane takes.
    assert (result.passes.forward, result.passes.backward) == (3 * 3, 3 * 6)
    two = radar.attack(toys.linear(2), images, "deepfool")
    assert (two.passes.forward, two.passes.backward) == (3 * 2, 3)


def test_later_steps_look_at_the_nearest_few():
    model, images = toys.conv(seed=3), toys.images(24)
    steps = torch.tensor([len(h) for h in radar.attack(model, images, "deepfool").history])
    image = images[int(steps.argmax())]
    longest = int(steps.max())
    assert longest > 1, "every image flips at the first step"
    for recheck in (1, 2):
        passes = radar.attack(model, image, "deepfool", recheck=recheck).passes
        assert passes.forward == 2 + longest
        assert passes.backward == 2 + recheck * (longest - 1)


def test_images_that_flipped_are_dropped():
    model, images = toys.conv(seed=3), toys.images(24)
    result = radar.attack(model, images, "deepfool")
    steps = [len(margins) for margins in result.history]
    assert min(steps) < max(steps)
    assert all(m[-1] > 0 and max(m[:-1], default=-1.0) <= 0 for m in result.history)
    assert result.passes.forward < 24 * (2 + max(steps))
    for i in (0, 7, 23):
        alone = radar.attack(model, images[i], "deepfool")
        assert torch.allclose(alone.images[0], result.images[i], atol=1e-5)


def test_gives_up_at_once_without_a_gradient():
    result = radar.attack(toys.flat(), 0.2 * toys.images(2), "deepfool")
    assert result.status == ("no-op",) * 2
    assert result.passes.forward == 2
