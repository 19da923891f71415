"""The noise floor of a case: controls as large as the attack, places, evidence, JSON."""

from __future__ import annotations

import json
import math
import threading
from dataclasses import replace

import pytest
import torch

import radar_core as radar
from radar_core.api.controls import KINDS, draw
from radar_core.attacks.balls import distance
from radar_core.case import CaseSpec, run_case, run_floor
from radar_core.cli import main
from radar_core.data.phantom import CLASSES
from radar_core.data.synthetic import PhantomData
from radar_core.epsilon import Epsilon
from radar_core.errors import BadParameter, Cancelled
from radar_core.floor import place
from radar_core.metrics import METRICS
from radar_core.models.classifier import Classifier
from radar_core.runtime import Progress
from tests import toys

SPEC = CaseSpec(
    image="3",
    eps="3/255",
    attack_parameters=(("steps", 3),),
    explainers=("gradcam", "lime"),
    explainer_parameters=(("lime.samples", 64), ("lime.superpixels", 12)),
    seed=5,
)


@pytest.fixture(scope="module")
def data() -> PhantomData:
    return PhantomData("test", side=64)


@pytest.fixture(scope="module")
def model() -> Classifier:
    return toys.decided()


@pytest.fixture(scope="module")
def case(data, model):
    *_, result = run_case(SPEC, data=data, model=model)
    return result


@pytest.mark.parametrize(
    ("attack", "eps", "norm"), [("pgd", "4/255", "linf"), ("deepfool", "own", "l2")]
)
def test_controls_are_as_large_as_the_attack_in_its_norm(attack, eps, norm):
    model = toys.conv()
    images = 0.25 + 0.5 * toys.images(2)  # far from 0 and 1: nothing is cut off
    attacked = radar.attack(model, images, attack, eps)
    assert attacked.norm == norm
    controls = radar.benign_controls(attacked, 1, count=5, seed=2)
    change = controls - attacked.clean[1]
    size = getattr(attacked, norm)[1]
    assert distance(change, norm).tolist() == pytest.approx([size] * 5, rel=1e-3)
    if norm == "linf":  # sign noise is as long as anything of its L-infinity
        assert float(distance(change, "l2").min()) >= attacked.l2[1] - 1e-6
    kind, eps = KINDS[norm], Epsilon(size, norm=norm)
    for number, control in enumerate(controls):
        again = radar.attack(model, attacked.clean[1], kind, eps, seed=draw(2, number))
        assert torch.equal(again.images[0], control)
    first, second = change[:2]
    assert abs(float(torch.cosine_similarity(first.flatten(), second.flatten(), 0))) < 0.1


def test_controls_of_an_attack_that_did_nothing_are_refused():
    attacked = radar.attack(toys.flat(), toys.images(1), "fgsm", "4/255")
    with pytest.raises(BadParameter, match="changed nothing"):
        radar.benign_controls(attacked)


def test_floor_grows_and_places_every_metric(case, data, model):
    seen = list(run_floor(case, data=data, model=model, controls=20))
    assert next(r.stage for r in seen) == "controls"
    assert seen[-1].stage == "done"
    last = seen[-1]
    assert set(last.places) == {"gradcam", "lime"}
    for id, places in last.places.items():
        assert set(places) == set(METRICS) == set(last.scores[id])
        for name, at in places.items():
            assert len(last.scores[id][name]) == 20
            again = place(case.scores[id][name], last.scores[id][name], METRICS[name].direction)
            assert repr(at) == repr(again)
    assert set(last.repeats) == {"lime"}, "only what draws is explained with another seed"
    assert set(last.evidence_places["gradcam"]) == {"lesion", "evidence"}
    assert len(last.readings) == 20
    assert last.passes.forward > 20


def test_floor_explains_the_controls_as_the_case_was(case, data, model):
    from radar_core.case import ground

    *_, last = run_floor(case, data=data, model=model, controls=3)
    images = [case.clean, *radar.benign_controls(case.attack, count=3, seed=SPEC.seed)]
    maps = radar.explain(
        model,
        images,
        "gradcam",
        target=case.explanations["gradcam"].targets[0],
        background=ground.background(data, model),
        seed=SPEC.seed,
    )
    for number in range(3):
        for name, value in radar.compare(maps[0], maps[number + 1]).items():
            assert last.scores["gradcam"][name][number] == pytest.approx(
                value, abs=0.05, nan_ok=True
            )


def test_floor_is_cancelled_between_passes(case, data, model):
    stop = threading.Event()
    steps = run_floor(case, data=data, model=model, progress=Progress(stop=stop))
    next(steps)
    stop.set()
    with pytest.raises(Cancelled):
        next(steps)


def test_floor_of_a_case_without_an_attack_is_refused(case, data, model):
    with pytest.raises(BadParameter, match="attacked"):
        next(run_floor(replace(case, attack=None), data=data, model=model))


def test_floor_as_json(case, data, model):
    *_, last = run_floor(case, data=data, model=model, controls=2)
    plain = json.loads(json.dumps(last.as_dict(), allow_nan=False))
    entry = plain["metrics"]["lime"]["topk_overlap"]
    assert entry["word"] == "not defined", "two controls allow no word"
    assert len(entry["of_controls"]) == 2
    assert entry["another_seed"] is not None
    assert plain["metrics"]["gradcam"]["topk_overlap"]["another_seed"] is None
    assert plain["kind"] == "sign_noise"


def test_case_carries_evidence(case):
    for mask in ("lesion", "evidence"):
        for clean, attacked in case.evidence["gradcam"][mask].values():
            assert all(math.isnan(value) or 0 <= value <= 1 for value in (clean, attacked))
    share = radar.localise(case.explanations["lime"].maps[1], case.masks["lesion"])
    assert case.evidence["lime"]["lesion"]["evidence_share"][1] == share["evidence_share"]
    assert case.as_dict()["evidence"]["lime"]["lesion"]["evidence_share"]["clean"] is not None


def test_case_goes_on_where_an_explainer_does_not_fit(data):
    flat = Classifier(
        torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 64 * 64, 7)),
        CLASSES,
        input_size=64,
    )
    spec = replace(SPEC, explainers=("gradcam", "saliency"), explainer_parameters=())
    *_, result = run_case(spec, data=data, model=flat)
    assert set(result.explanations) == set(result.scores) == {"saliency"}
    assert "has none" in result.unexplained["gradcam"]
    assert "LIME" in result.unexplained["gradcam"], "it says which explainers apply"
    assert result.stage == "done"


def test_command_gives_the_floor(capsys):
    words = ["floor", "--image", "0", "--attack", "fgsm", "--explain", "gradcam"]
    words += ["--controls", "3"]
    assert main([*words, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["floor"]["controls"] == 3
    assert said["case"]["status"] in ("flipped", "held", "already wrong")
    assert main(words) == 0
    assert "benign controls" in capsys.readouterr().out
    assert main([*words[:-1], "0"]) == 2
    assert "--controls" in capsys.readouterr().err
