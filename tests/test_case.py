"""The path of one case: stages, repeatability, cancellation, and what its JSON says."""

from __future__ import annotations

import json
import math
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from radar_core.case import CaseSpec, check_spec, run_case
from radar_core.case.export import write_case
from radar_core.data.base import make_case
from radar_core.data.phantom import CLASSES
from radar_core.data.synthetic import PhantomData
from radar_core.errors import BadParameter, Cancelled, NoSuchCase, UnknownMethod
from radar_core.models.classifier import Classifier
from radar_core.models.zoo import build
from radar_core.pictures import difference, own_scale
from radar_core.runtime import Progress

QUICK = CaseSpec(image="3", attack="fgsm", explainers=("gradcam",), seed=5)


@pytest.fixture(scope="module")
def data() -> PhantomData:
    return PhantomData("test", side=64)


@pytest.fixture(scope="module")
def model() -> Classifier:
    module = build("mobilenet_v3_small", 7, seed=1)
    return Classifier(
        module, CLASSES, cam_layer="features", input_size=64, card={"trained_on": "phantom"}
    )


def test_stages_arrive_in_order_and_only_grow(data, model):
    seen = list(run_case(replace(QUICK, attack="pgd"), data=data, model=model))
    assert [r.stage for r in seen] == ["reading", "attack", "explainer:gradcam", "done"]
    assert seen[0].attack is None
    assert seen[0].clean_reading == seen[-1].clean_reading
    assert seen[-1].passes.forward >= sum(e.passes.forward for e in seen[-1].explanations.values())
    assert seen[-1].masks["lesion"].shape == (64, 64)
    assert seen[-1].case.synthetic


def test_the_same_call_twice_gives_the_same_json(data, model):
    def values():
        *_, last = run_case(QUICK, data=data, model=model)
        found = last.as_dict()
        found.pop("seconds")
        return json.dumps(found, allow_nan=False)

    assert values() == values()


def test_json_has_the_keys_others_build_on(data, model):
    *_, last = run_case(QUICK, data=data, model=model)
    found = last.as_dict()
    assert {
        *("clean", "attacked", "status", "eps", "distance", "metrics", "seed"),
        *("seconds", "passes", "versions", "hashes", "machine"),
    } <= set(found)
    for side in ("clean", "attacked"):
        assert set(found[side]) == {"label", "probability", "probabilities"}
        assert math.isclose(sum(found[side]["probabilities"].values()), 1, abs_tol=1e-5)
    assert set(found["distance"]) == {"linf", "l2", "changed"}
    assert found["machine"]["note"]
    assert set(found["metrics"]) == {"gradcam"}


def test_which_class_is_explained(data, model):
    label = data[3].label
    *_, last = run_case(replace(QUICK, target="label"), data=data, model=model)
    assert last.explanations["gradcam"].targets == (label, label)
    unlabelled = make_case("x", np.zeros((64, 64, 3), np.uint8), source="test")
    with pytest.raises(BadParameter, match="no label that the model knows"):
        list(run_case(replace(QUICK, target="label"), data=None, model=model, case=unlabelled))


def test_an_upload_needs_no_data_set_and_is_warned_about(model):
    photo = make_case("x", np.full((80, 60, 3), 120, np.uint8), source="upload")
    *_, last = run_case(QUICK, data=None, model=model, case=photo)
    assert last.clean.shape == (3, 64, 64)
    assert "synthetic images only" in last.notes[0]


def test_cancelled_within_a_stage(data, model):
    stop = threading.Event()
    steps = run_case(QUICK, data=data, model=model, progress=Progress(stop=stop))
    next(steps)
    stop.set()
    with pytest.raises(Cancelled):
        next(steps)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"eps": "abc"}, BadParameter),
        ({"eps": "-1"}, BadParameter),
        ({"eps": "5"}, BadParameter),
        ({"attack": "nope"}, UnknownMethod),
        ({"explainers": ("nope",)}, UnknownMethod),
        ({"attack": "pgd", "attack_parameters": (("steps", "1e9"),)}, BadParameter),
        ({"attack": "pgd", "attack_parameters": (("stride", 1),)}, BadParameter),
        ({"target": "nobody"}, BadParameter),
        ({"seed": -1}, BadParameter),
    ],
)
def test_a_bad_specification_is_refused_before_anything_is_computed(change, error):
    with pytest.raises(error):
        check_spec(replace(QUICK, **change))


def test_no_such_image(data, model):
    with pytest.raises(NoSuchCase, match="no image 'nobody'"):
        list(run_case(replace(QUICK, image="nobody"), data=data, model=model))


def test_every_part_of_the_specification_changes_its_key():
    changes = [
        {"data": "x"},
        {"image": "4"},
        {"model": "x"},
        {"attack": "pgd"},
        {"eps": "1/255"},
        {"attack_parameters": (("steps", 3),)},
        {"explainers": ("lime",)},
        {"target": "attacked"},
        {"seed": 6},
    ]
    keys = {QUICK.key(), *(replace(QUICK, **change).key() for change in changes)}
    assert len(keys) == len(changes) + 1


def test_pictures_are_lossless_and_the_difference_is_signed(data, model, tmp_path):
    from PIL import Image

    *_, last = run_case(QUICK, data=data, model=model)
    write_case(last, tmp_path)
    pixels = np.asarray(Image.open(tmp_path / "clean.png"))
    assert np.array_equal(pixels, np.rint(last.clean.numpy().transpose(1, 2, 0) * 255))
    names = {p.name for p in tmp_path.iterdir()}
    assert {
        "attacked.png",
        "difference.png",
        "gradcam-clean.png",
        "arrays.npz",
        "table.csv",
        "case.json",
    } <= names
    assert np.load(tmp_path / "arrays.npz")["map.gradcam.attacked"].shape == (64, 64)
    clean = np.full((3, 2, 2), 0.5, np.float32)
    up = difference(clean, clean + np.float32(2 / 255), 2 / 255)
    assert (up == 255).all()
    assert (difference(clean, clean, 2 / 255) == 128).all()


def test_a_scale_has_an_answer_for_empty_maps():
    assert own_scale(np.zeros((4, 4), np.float32)) == 1.0
    assert own_scale(np.full((4, 4), np.nan, np.float32)) == 1.0
    assert own_scale(np.full((4, 4), -2, np.float32)) == 2.0


def test_torch_state_is_untouched(data, model):
    before = torch.get_rng_state()
    list(run_case(QUICK, data=data, model=model))
    assert torch.equal(torch.get_rng_state(), before)
