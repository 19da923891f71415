"""The smallest flipping ε: exact where it is known, bracketed, verified, and never a false word."""

from __future__ import annotations

import pytest
import torch

import radar_core as radar
from radar_core.api.flipping import flip_rounds
from radar_core.errors import BadParameter
from radar_core.runtime import Progress, count_passes
from tests import toys


def exact(model: radar.Classifier, image: torch.Tensor) -> float:
    """The L∞ distance to the boundary of a linear model of two classes: |z₁ − z₀| / ‖w₁ − w₀‖₁."""
    weight = model.module.head.weight.detach().view(2, 3, toys.SIDE, toys.SIDE) / model.std
    with torch.no_grad(), model.held():
        logits = model(image[None])[0]
    return float((logits[1] - logits[0]).abs() / (weight[1] - weight[0]).abs().sum())


@pytest.mark.parametrize("name", ["fgsm", "bim", "pgd"])
def test_is_the_distance_to_the_boundary_of_a_linear_model(name: str):
    model = toys.linear(2)
    image = 0.4 + 0.2 * toys.images(1)[0]  # far from 0 and 1: nothing is cut off
    flip = radar.smallest_flip(model, image, name, precision=0.01)
    assert flip.high is not None
    assert flip.verified
    truth = exact(model, image)
    assert flip.low.value <= truth * 1.002
    assert flip.high.value >= truth * 0.998
    assert flip.high.value - flip.low.value <= 0.01 * flip.high.value
    steps = {} if name == "fgsm" else {"steps": 40}
    tight = radar.smallest_flip(model, image, name, precision=0.01, **steps)
    assert tight.high.value == pytest.approx(truth, rel=0.02)


def test_the_bracket_holds_when_attacked_again():
    model, image = toys.conv(), toys.images(4)[2]
    flip = radar.smallest_flip(model, image, "pgd", seed=3, steps=10)
    assert flip.high is not None
    above = radar.attack(model, image, "pgd", flip.high, seed=3, steps=10)
    below = radar.attack(model, image, "pgd", flip.low, seed=3, steps=10)
    assert above.status == ("flipped",)
    assert below.status == ("held",)


def test_something_else_may_be_computed_between_its_rounds():
    model, image = toys.conv(), toys.images(4)[2]
    more = {"seed": 3, "steps": 5}
    frames = radar.attack_grid(model, image, "pgd", **more)
    rounds = flip_rounds(model, image[None], "pgd", frames, progress=Progress(), **more)
    *between, flip = rounds
    assert len(between) >= 2 and not any(between)
    assert flip == radar.smallest_flip(model, image, "pgd", seed=3, steps=5)


def test_frames_that_are_known_are_not_computed_again():
    model, image = toys.conv(), toys.images(1)[0]
    frames = radar.attack_grid(model, image, "pgd", steps=5)
    given = radar.smallest_flip(model, image, "pgd", frames=frames, steps=5)
    assert given == radar.smallest_flip(model, image, "pgd", steps=5)


def test_what_never_flips_says_how_far_it_was_tried():
    flip = radar.smallest_flip(toys.flat(), 0.2 * toys.images(1)[0], "fgsm")
    assert flip.high is None
    assert not flip.verified
    assert flip.tried_to.text == "16/255"


def test_towards_a_class():
    model, image = toys.linear(), toys.images(1)[0]
    read = model.read(image[None])[0].label
    others = [name for name in model.class_names if name != read]
    brackets = {
        target: radar.smallest_flip(model, image, "pgd", grid=["0", "0.3"], target=target)
        for target in others
    }
    anywhere = radar.smallest_flip(model, image, "pgd", grid=["0", "0.3"])
    nearest = min(b.high.value for b in brackets.values())
    assert anywhere.high.value == pytest.approx(nearest, rel=0.1)
    assert radar.smallest_flip(model, image, "pgd", target=read).high is None


def test_along_the_line_to_the_nearest_example():
    model, image = toys.conv(), toys.images(1)[0]
    flip = radar.smallest_flip(model, image, "deepfool")
    found = radar.attack(model, image, "deepfool")
    assert flip.norm == "l2"
    assert flip.verified
    assert flip.high.value <= found.l2[0] * 1.0001
    change = found.images - found.clean
    read = found.readings_clean[0].label
    share = flip.high.value / found.l2[0]
    assert model.read(found.clean + 1.0001 * share * change)[0].label != read
    assert model.read(found.clean + flip.low.value / found.l2[0] * change)[0].label == read


def test_a_nearest_example_that_is_known_is_not_sought_again():
    model, image = toys.conv(), toys.images(1)[0]
    frames = radar.attack_grid(model, image, "deepfool", grid="0,5")
    with count_passes() as passes:
        given = radar.smallest_flip(model, image, "deepfool", frames=frames)
    assert passes.backward == 0
    alone = radar.smallest_flip(model, image, "deepfool")
    assert given.high.value == pytest.approx(alone.high.value, rel=1e-5)
    near = radar.attack_grid(model, image, "deepfool", grid="0,1e-6")  # only a part of the way
    with count_passes() as passes:
        anew = radar.smallest_flip(model, image, "deepfool", frames=near)
    assert passes.backward > 0
    assert anew == alone


def test_refuses_what_has_no_axis():
    with pytest.raises(BadParameter, match="has no ε"):
        radar.smallest_flip(toys.conv(), toys.images(1), "rotation")
    with pytest.raises(BadParameter, match="one image, not of 2"):
        radar.smallest_flip(toys.conv(), toys.images(2), "fgsm")
