"""An attack that knows the screening: what it sees of a detector, and what it makes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import radar_core as radar
from radar_core.data import open_data
from radar_core.detection import detector as stored
from radar_core.detection.combination import Combination
from radar_core.detection.detector import measure
from radar_core.detection.guard import VIEWS, guard_of
from radar_core.errors import BadModel, BadParameter
from radar_core.runtime import count_passes
from radar_core.uncover.look import look
from radar_core.uncover.making import Plan
from radar_core.uncover.measuring import Change, Measurer
from tests import toys

EPS = "8/255"


@pytest.fixture(scope="module")
def model():
    return toys.decided()


@pytest.fixture(scope="module")
def images(model):
    test = open_data("phantom").split("test")
    return torch.cat([model.prepare(test[n].image) for n in range(4)])


@pytest.fixture(scope="module")
def guard(model):
    return toys.guard(model)


def suspicion(model, guard, images):
    """As the screening finds it."""
    return guard.detector.suspicion(measure(look(model, images, seed=0)))


def test_it_sees_the_suspicion_that_the_screening_finds(model, guard, images):
    with model.held(), torch.no_grad(), count_passes() as passes:
        seen = guard(images)
    assert passes.forward == VIEWS * len(images)
    torch.testing.assert_close(seen, suspicion(model, guard, images), rtol=1e-3, atol=1e-4)


def test_scores_without_a_gradient_are_taken_to_be_those_of_clean_images(model, guard, images):
    middle, one = torch.tensor([0.0, 0.4]), torch.ones(2)
    names = ("entropy", "cam_stability")
    weights = torch.cat([one, torch.zeros(3)])
    both = Combination(names, middle, one, weights, torch.zeros(1))
    states = {name: {} for name in names}
    known = replace(guard, detector=replace(guard.detector, states=states, combination=both))
    entropy = torch.distributions.Categorical(logits=model(images)).entropy()
    with model.held(), torch.no_grad():
        torch.testing.assert_close(known(images), entropy.log1p(), rtol=1e-3, atol=1e-4)


def test_its_gradient_passes_through_the_squeezers(guard, images, model):
    """Through fewer bits as if they left the image alone, where the true gradient is zero."""
    only = Combination(
        ("squeezing",), torch.zeros(1), torch.ones(1), torch.tensor([1.0, 0.0, 0.0]), torch.zeros(1)
    )
    known = replace(
        guard, detector=replace(guard.detector, states={"squeezing": {}}, combination=only)
    )
    with model.held():
        leaf = images.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(known(leaf).sum(), leaf)
    assert gradient.isfinite().all() and gradient.flatten(1).any(1).all()


def test_it_is_less_suspicious_than_an_attack_that_knows_nothing():
    model, test = radar.load_model("phantom"), open_data("phantom").split("test")
    images, guard = model.prepare(test[2].image), toys.guard(model)
    plain = radar.attack(model, images, "pgd", "4/255", steps=6, seed=3)
    known = radar.attack(model, images, "orthogonal_pgd", "4/255", guard=guard, steps=6, seed=3)
    assert known.status.count("flipped") >= plain.status.count("flipped") > 0
    both = [a == b == "flipped" for a, b in zip(plain.status, known.status, strict=True)]
    before, after = (suspicion(model, guard, r.images)[both] for r in (plain, known))
    assert (after <= before + 1e-4).all() and after.mean() < before.mean() - 0.05
    assert known.facts["detector"] == guard.detector.sha256()


def test_without_a_detector_it_says_how_to_make_one(model, images):
    with pytest.raises(BadModel, match="nothing screens the images of unnamed yet"):
        radar.attack(model, images, "orthogonal_pgd", EPS)
    with pytest.raises(BadParameter, match="FGSM knows no detector"):
        radar.attack(model, images, "fgsm", EPS, guard=toys.guard(model))


def test_the_detector_of_the_model_is_the_one_it_knows(model, guard, images, monkeypatch, tmp_path):
    monkeypatch.setenv("RADAR_MODELS", str(tmp_path))
    about = {**guard.detector.about, "model_sha256": model.sha256()}
    replace(guard.detector, about=about).save(tmp_path / "unnamed.detector")
    assert guard_of(model).detector.about["model_sha256"] == model.sha256()
    result = radar.attack(model, images[:1], "orthogonal_pgd", EPS, steps=2)
    assert result.facts["detector"] == guard_of(model).detector.sha256()
    replace(guard.detector, about={**about, "model_sha256": "0"}).save(
        tmp_path / "unnamed.detector"
    )
    with pytest.raises(BadModel, match="was made for"):
        guard_of(model)


def test_a_detector_beside_the_model_s_file_is_the_one(model, guard, monkeypatch, tmp_path):
    monkeypatch.setenv("RADAR_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(model, "file", tmp_path / "own.safetensors")
    about = {**guard.detector.about, "model_sha256": "of another model of that name"}
    replace(guard.detector, about=about).save(tmp_path / "models" / "unnamed.detector")
    with pytest.raises(BadModel, match="was made for"):
        guard_of(model)
    own = {**about, "model_sha256": model.sha256()}
    replace(guard.detector, about=own).save(tmp_path / "own.detector")
    assert guard_of(model).detector.about == own
    older = tmp_path / "models" / "unnamed.detector"
    with monkeypatch.context() as then:
        then.setattr(stored, "FORMAT", 1)
        replace(guard.detector, about=own).save(older)
    assert guard_of(model).detector.about == own
    (tmp_path / "own.detector").unlink()
    with pytest.raises(BadModel, match="another version of RADAR"):
        guard_of(model)


def test_a_detector_is_not_made_against_an_attack_that_knows_it():
    with pytest.raises(BadParameter, match="yet to be made"):
        Plan(attacks=("pgd", "orthogonal_pgd")).changes()
    with pytest.raises(BadParameter, match="turns no single image"):
        Plan(attacks=("uap",)).changes()


def test_what_is_measured_of_it_belongs_to_one_detector(model, guard, tmp_path):
    cases = [open_data("phantom").split("test")[0]]
    change = Change("orthogonal_pgd", EPS, (("steps", 1),))
    Measurer(model, 0, tmp_path, guard)(cases, change)
    other = replace(guard, detector=replace(guard.detector, threshold=1.0))
    Measurer(model, 0, tmp_path, other)(cases, change)
    assert len(list(tmp_path.glob("*.npz"))) == 2
