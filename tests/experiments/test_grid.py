"""Grids: those that cannot be, the paper's, and what turns one model tried on the others."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from radar_core.api import attack
from radar_core.data import open_data
from radar_core.data.phantom import CLASSES
from radar_core.errors import BadParameter
from radar_core.experiments import summary
from radar_core.experiments.paper import EPS, paper_grid, paper_models
from radar_core.experiments.run import lay_out, run_experiment
from radar_core.experiments.spec import ExperimentSpec, check
from radar_core.models import load_model, save_model
from radar_core.models.classifier import Classifier
from radar_core.models.foreign import network
from tests import toys
from tests.experiments.test_run import rows


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"attacks": ()}, "this grid is empty"),
        ({"models": ()}, "this grid is empty"),
        ({"eps": ()}, "needs an ε"),
        ({"eps": ("wide",)}, "wide"),
        ({"images": 0}, "images lies between"),
        ({"explainers": ("lyme",)}, "lyme"),
        ({"attacks": ("fgsm", "fgsm")}, "named once"),
        ({"attack_parameters": (("pgd.steps", 3),)}, "of an attack of the grid"),
        ({"attack_parameters": (("fgsm.steps", 3),)}, "steps"),
        ({"keep": "jpg"}, "keep is one of"),
        ({"seed": -1}, "seed"),
    ],
)
def test_a_grid_that_cannot_be(spec, engine, tmp_path, change, said):
    with pytest.raises(Exception, match=said):
        next(run_experiment(replace(spec, **change), tmp_path / "out", engine))
    assert not (tmp_path / "out").exists(), "nothing is written of it"


def test_what_turns_one_model_is_tried_on_the_others(spec, engine, decided, tmp_path):
    other = tmp_path / "other.safetensors"
    card = {"architecture": "mobilenet_v3_small", "title": "Other", "trained_on": "phantom"}
    save_model(toys.decided(seed=2), other, card)
    both = replace(
        spec, models=(decided, str(other)), attacks=("pgd",), images=2, explainers=(), transfer=True
    )
    *_, last = run_experiment(both, tmp_path / "out", engine)
    assert (last.done, last.failures) == (2, ())
    found = rows(tmp_path / "out")
    tried = found[found.kind == "transfer"]
    assert len(tried) == 2 * 2 * 2, "two models on each other, two ε, two images"
    assert set(zip(tried.model, tried.tried_on, strict=True)) == {
        (decided, str(other)),
        (str(other), decided),
    }
    data, model, judge = open_data("phantom"), load_model(decided), load_model(str(other))
    one = tried[(tried.model == decided) & (tried.eps == "8/255")].iloc[0]
    case = data.case(data.find(one.image))
    label = case.label if case.label in model.class_names else None
    chunk = [model.prepare(data.case(data.find(i)).image)[0] for i in both_images(tmp_path / "out")]
    place = both_images(tmp_path / "out").index(one.image)
    made = attack(model, torch.stack(chunk), "pgd", "8/255", seed=spec.seed)
    assert label == case.label
    assert judge.read(chunk[place][None])[0].label == one["first"]
    assert judge.read(made.images[place][None])[0].label == one.reads
    matrix = summary.transfer(found)
    turned = found[(found.kind == "outcome") & (found.status == "flipped")]
    assert (matrix.of <= len(turned)).all()
    with pytest.raises(BadParameter, match="name two models"):
        next(run_experiment(replace(spec, transfer=True), tmp_path / "no", engine))


def both_images(folder):
    """The images of an experiment, in its order."""
    return json.loads((folder / "manifest.json").read_text())["images"]


def test_the_paper_s_grid(decided, tmp_path, monkeypatch):
    grid_of = paper_grid(ExperimentSpec(models=(decided,)))
    check(grid_of)
    assert grid_of.frames("pgd") == EPS and grid_of.frames("cw") == ("own",)
    assert grid_of.parameters_of("bim") == {"steps": 100}
    assert grid_of.parameters_of("lime") == {"samples": 1000}
    assert len(lay_out(replace(grid_of, images=8)).cells) == 2 * 6
    with pytest.raises(BadParameter, match="train --arch resnet50"):
        paper_models()
    for name, arch in {"a": "efficientnet_b0", "b": "torchvision:densenet121"}.items():
        card = {"architecture": arch, "title": name, "trained_on": "phantom"}
        model = Classifier(network(arch, len(CLASSES)), CLASSES)
        save_model(model, tmp_path / f"{name}.safetensors", card)
    monkeypatch.setenv("RADAR_MODELS", str(tmp_path))
    assert set(paper_models()) == {"a", "b"}
