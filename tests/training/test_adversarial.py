"""Training on attacked images: the attack, and that what it makes withstands more."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

import radar_core as radar
from radar_core.models import load_model
from radar_core.training.adversarial import attacked, attacked_logits
from radar_core.training.fit import read_logits
from radar_core.training.plan import Plan
from radar_core.training.run import run_training
from radar_core.training.squares import Squares
from tests import toys
from tests.training.halves import ARCH, QUICK, Halves

RADIUS = 8 / 255


def test_it_stays_within_the_ball_and_raises_the_loss():
    model, images = toys.conv(), toys.images(8)
    with torch.no_grad():
        labels = model(images).argmax(1)
    for random in (False, True):
        with torch.random.fork_rng(), model.held():
            found = attacked(model, images, labels, RADIUS, random=random)
        assert (found - images).abs().max() <= RADIUS + 1e-6
        assert found.min() >= 0 and found.max() <= 1
        before, after = (
            F.cross_entropy(model(x), labels, reduction="none") for x in (images, found)
        )
        assert (after > before).float().mean() > 0.8


def test_without_a_random_start_it_is_fgsm_against_the_class_read():
    model, images = toys.conv(), toys.images(4)
    with torch.no_grad():
        labels = model(images).argmax(1)
    with model.held():
        found = attacked(model, images, labels, RADIUS, random=False)
    expected = radar.attack(model, images, "fgsm", "8/255").images
    assert (found - expected).abs().max() < 1e-6


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hard")
    recipe = replace(QUICK, adversarial=8.0, warm_up=False, small_epochs=0)
    plan = Plan(ARCH, folder / "hard.safetensors", recipe, pretrained="none")
    return run_training(plan, Halves()), run_training(
        replace(plan, out=folder / "again.safetensors"), Halves()
    )


def test_its_card_says_so_and_the_same_plan_gives_the_same_bits(made):
    one, again = (load_model(path) for path in made)
    assert one.card["recipe"]["adversarial"] == 8.0
    for a, b in zip(one.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)


def test_its_epochs_are_judged_on_attacked_images(made, tmp_path):
    model = load_model(made[0])
    data = Halves().split("val")
    squares = Squares(data, data.class_names, model.input_size, radar.runtime.Progress(),
                      folder=tmp_path)  # fmt: skip
    try:
        with model.held():
            hard = attacked_logits(model, squares, RADIUS)
            plain = read_logits(model, squares)
    finally:
        squares.close()
    right = (hard.argmax(1) == squares.labels).float().mean()
    row = model.card["recipe"]["history"][int(model.card["recipe"]["chosen_epoch"]) - 1]
    assert hard.shape == plain.shape and not torch.equal(hard, plain)
    assert row["val_accuracy"] == pytest.approx(float(right), abs=0.26), "one image or two of eight"
