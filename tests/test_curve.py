"""A case at every ε: stages, the same numbers as the case itself, JSON."""

from __future__ import annotations

import json
import threading
from dataclasses import replace

import pytest
import torch

import radar_core as radar
from radar_core.case import CaseSpec, run_case, run_curve
from radar_core.case.ground import FIT_SEED
from radar_core.data.sampling import in_turn
from radar_core.data.synthetic import PhantomData
from radar_core.errors import BadParameter, Cancelled
from radar_core.metrics import METRICS
from radar_core.models.classifier import Classifier
from radar_core.runtime import Progress
from tests import toys

SPEC = CaseSpec(
    image="3", eps="3/255", attack_parameters=(("steps", 3),), explainers=("gradcam",), seed=5
)


@pytest.fixture(scope="module")
def data() -> PhantomData:
    return PhantomData("test", side=64)


@pytest.fixture(scope="module")
def model() -> Classifier:
    return toys.decided()


def test_stages_arrive_in_order(data, model):
    all_of_them = list(run_curve(SPEC, data=data, model=model))
    seen = [
        one
        for one, again in zip(all_of_them, [None, *all_of_them[:-1]], strict=True)
        if one is not again
    ]
    assert all(one is seen[-2] for one in all_of_them[5:-1]), "while the flip is searched for"
    assert len(all_of_them) > len(seen), "between rounds of it, others may go first"
    assert [r.stage for r in seen] == ["frames", "explainer:gradcam"] * 3 + ["done"]
    outward = [[3, 4, 5, 6], [*range(1, 9)], [*range(11)]]
    assert [r.known for r in seen[::2]] == [*outward, outward[-1]], "from the case's own ε"
    assert [sorted(r.maps["gradcam"]) for r in seen[1::2]] == outward
    assert [list(r.scores) for r in seen] == [[], [], [], [], [], ["gradcam"], ["gradcam"]]
    assert seen[0].flip is None
    assert seen[-1].flip is not None
    assert [eps.text for eps in seen[0].axis] == [
        f"{k}/255" for k in ("0", "0.5", "1", "1.5", "2", "3", "4", "6", "8", "12", "16")
    ]


def test_it_begins_where_it_is_told_to(data, model):
    first, *_, last = run_curve(SPEC, data=data, model=model, begin="12/255")
    assert first.known == [7, 8, 9, 10]
    *_, usual = run_curve(SPEC, data=data, model=model)
    assert last.explained == usual.explained
    for name, values in usual.scores["gradcam"].items():
        assert last.scores["gradcam"][name] == pytest.approx(values, abs=0.02, nan_ok=True)


def test_a_frame_is_the_case_at_its_epsilon(data, model):
    *_, curve = run_curve(SPEC, data=data, model=model)
    *_, case = run_case(SPEC, data=data, model=model)
    at = curve.at("3/255")
    assert torch.allclose(curve.frames[at].images, case.attack.images, atol=1e-6)
    assert curve.frames[at].status == case.attack.status
    for name, value in case.scores["gradcam"].items():
        assert curve.scores["gradcam"][name][at] == pytest.approx(value, abs=0.02, nan_ok=True)
    assert curve.saved[at]["png"].reading.label == case.saved["png"].reading.label
    assert curve.explained == case.explanations["gradcam"].targets[0]


def test_at_zero_nothing_has_drifted(data, model):
    *_, curve = run_curve(SPEC, data=data, model=model)
    for name, values in curve.scores["gradcam"].items():
        metric = METRICS[name]
        assert values[0] == (metric.high if metric.direction == "higher" else metric.low)


def test_the_cases_own_epsilon_is_among_the_frames(data, model):
    spec = replace(SPEC, eps="5/255", explainers=())
    *_, curve = run_curve(spec, data=data, model=model)
    assert "5/255" in [frame.eps for frame in curve.frames.values()]
    assert curve.explained == ""
    *_, paper = run_curve(replace(spec, eps="normalised:0.02"), data=data, model=model)
    assert [frame.eps for _, frame in sorted(paper.frames.items())] == [
        f"normalised:{k}" for k in ("0.001", "0.01", "0.02", "0.05", "0.1", "0.5")
    ]
    *_, given = run_curve(spec, data=data, model=model, grid="0,1/255")
    assert [given.frames[i].eps for i in given.known] == ["0/255", "1/255", "5/255"]


@pytest.mark.parametrize("eps", ["3/255", " 3 / 255 ", "3.0/255", "0.0117647058823529"])
def test_an_epsilon_is_found_however_it_is_written(data, model, eps: str):
    spec = replace(SPEC, eps=eps, target="attacked", attack_parameters=(("steps", 1),))
    *_, curve = run_curve(spec, data=data, model=model)
    assert len(curve.frames) == 11
    assert curve.at(eps) == 5
    assert curve.at("5/255") is None
    assert curve.explained == curve.frames[5].readings_attacked[0].label


def test_the_nearest_example_stands_at_its_distance(data, model):
    spec = replace(SPEC, attack="deepfool", eps="own", attack_parameters=())
    *_, curve = run_curve(spec, data=data, model=model)
    (nearest,) = curve.frames[0].distances
    assert nearest is not None
    assert curve.flip.norm == "l2"
    assert curve.flip.high.value <= nearest * 1.0001
    for i, eps in enumerate(curve.axis):
        frame = curve.frames[i]
        assert frame.l2[0] <= min(eps.value, nearest) * 1.0001
        if eps.value >= nearest:
            assert frame.readings_attacked[0].label != curve.clean_reading.label


def test_json_has_every_frame(data, model):
    *_, curve = run_curve(SPEC, data=data, model=model)
    found = json.loads(json.dumps(curve.as_dict(), allow_nan=False))
    assert len(found["frames"]) == 11
    frame = found["frames"][5]
    assert {"eps", "status", "attacked", "distance", "saved", "metrics"} <= set(frame)
    assert set(frame["metrics"]["gradcam"]) == set(METRICS)
    assert {"low", "high", "eps", "norm", "verified", "tried_to"} <= set(found["smallest_flip"])
    assert found["seed"] == 5


def test_what_has_no_axis_is_refused_and_cancelling_works(data, model):
    spec = replace(SPEC, attack="rotation", eps="own", attack_parameters=())
    with pytest.raises(BadParameter, match="has no ε"):
        list(run_curve(spec, data=data, model=model))
    stop = threading.Event()
    steps = run_curve(SPEC, data=data, model=model, progress=Progress(stop=stop))
    next(steps)
    stop.set()
    with pytest.raises(Cancelled):
        list(steps)


def test_a_universal_pattern_is_fitted_once_on_other_images(data, model):
    spec = replace(SPEC, attack="uap", attack_parameters=(("epochs", 1),), explainers=())
    *_, first = run_case(spec, data=data, model=model)
    *_, again = run_case(replace(spec, image="4"), data=data, model=model)
    assert "fitted on 64 images of the training split" in first.notes[-1]
    assert first.notes[-1].endswith("this image was not among them.")
    assert len(first.attack.facts["pattern"]) == 64
    assert first.passes.backward > 0
    assert again.passes.backward == 0, "the pattern was kept"
    *_, curve = run_curve(spec, data=data, model=model)
    at = curve.at("3/255")
    assert torch.allclose(curve.frames[at].images, first.attack.images, atol=1e-6)


def test_an_image_of_the_training_split_has_a_pattern_of_its_own(model):
    train = PhantomData("train", side=64)
    spec = replace(SPEC, attack="uap", attack_parameters=(("epochs", 1),), explainers=(), seed=6)
    hashes = []
    for entry in in_turn(train, FIT_SEED)[:2]:
        *_, result = run_case(replace(spec, image=entry.id), data=train, model=model)
        assert result.passes.backward > 0, "fitted anew, without this image"
        hashes.append(result.attack.facts["pattern"])
    assert hashes[0] != hashes[1]


def test_of_a_pattern_that_was_given_nothing_is_claimed(data, model):
    images = [model.prepare(data[i].image)[0] for i in range(4)]
    pattern = radar.fit(model, images, "uap", epochs=1)
    spec = replace(SPEC, attack="uap", attack_parameters=(("epochs", 1),), explainers=())
    *_, result = run_case(spec, data=data, model=model, pattern=pattern)
    assert result.notes[-1].endswith("whether this image is one is not known.")
    assert result.attack.facts["pattern"] == pattern.sha256()
