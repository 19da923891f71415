"""A detector made for real of a toy model on the phantom: fitted, saved, read back, used."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from radar_core.cli import main
from radar_core.data import open_data
from radar_core.detection import DETECTORS
from radar_core.detection import detector as stored
from radar_core.detection.detector import (
    FALSE_ALARMS,
    figures_of,
    load_detector,
    load_figures,
    place_of,
)
from radar_core.detection.likeness import appearance
from radar_core.errors import BadData, BadModel, Cancelled
from radar_core.models import load_model, save_model
from radar_core.models.zoo import ARCHITECTURES
from radar_core.runtime import Progress, count_passes
from radar_core.uncover import measuring
from radar_core.uncover.bench import Measurements, evaluate, measure_test
from radar_core.uncover.look import PASSES, look
from radar_core.uncover.making import Plan, assemble, described, gather, make_detector
from radar_core.uncover.measuring import CLEAN, Change, Measurer
from radar_core.uncover.screening import noticed, said, screen, sentence
from tests import toys

PLAN = Plan(fit=14, tune=7, calibrate=40, attacks=("fgsm", "deepfool"), eps=("8/255",), seed=2)


@pytest.fixture(scope="module")
def phantom():
    return open_data("phantom")


@pytest.fixture(scope="module")
def decided(tmp_path_factory):
    """The file of a model that is sure of what it reads, a quarter as wide as others are."""
    name, folder = "mobilenet_v3_small", tmp_path_factory.mktemp("models")
    narrow = replace(ARCHITECTURES[name], options=(("width_mult", 0.25),))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ARCHITECTURES, name, narrow)
        path = folder / "decided.safetensors"
        save_model(toys.decided(seed=5), path, {"architecture": name, "trained_on": "phantom"})
        yield str(path)


@pytest.fixture(scope="module")
def model(decided):
    return load_model(decided)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    return tmp_path_factory.mktemp("measured")


@pytest.fixture(scope="module")
def material(phantom, model, measured):
    measurer = Measurer(model, PLAN.seed, measured)
    return gather(phantom, model, PLAN, measurer, Progress())


@pytest.fixture(scope="module")
def detector(phantom, model, material):
    return assemble(material, described(phantom, model, PLAN, material))


@pytest.fixture(scope="module")
def file(detector, tmp_path_factory):
    path = tmp_path_factory.mktemp("detector") / "decided.detector"
    detector.save(path)
    return path


def test_it_says_what_it_was_made_of(detector, model):
    about = detector.about
    assert (about["fitted_on"], about["calibrated_on"]) == (14, 40)
    assert about["model_sha256"] == model.sha256() and about["attacks"] == ["fgsm", "deepfool"]
    assert set(detector.states) == set(DETECTORS) == set(about["scores"])
    assert all(len(detector.clean[name]) == 40 for name in [*detector.states, "suspicion"])


def test_the_threshold_lets_one_clean_image_in_twenty_pass(detector, material):
    suspicion = detector.suspicion(material.held_out)
    over = int((suspicion > detector.threshold).sum())
    assert over <= FALSE_ALARMS * 40 and over >= 1
    assert detector.percentile("suspicion", float(suspicion.max()) + 1) == 100
    assert detector.percentile("suspicion", float(suspicion.min())) == 0


def test_scores_learn_from_clean_training_images_alone(material, model, phantom):
    """What is attacked, tuned or held out moves no score's state."""
    other = assemble(replace(material, attacked={"fgsm": material.attacked["fgsm"]}), {})
    same = assemble(material, {})
    for id, state in same.states.items():
        assert all(torch.equal(state[name], other.states[id][name]) for name in state)


def test_one_image_is_screened(detector, model, phantom):
    case = phantom.split("test")[0]
    found = screen(model, case.image, detector)
    assert found.verdict in ("usual", "unusual", "cannot tell")
    assert found.reading.label == model.read(model.prepare(case.image))[0].label
    assert set(found.scores) == set(DETECTORS) and len(found.drivers) <= 3
    assert 0 <= found.percentile <= 100
    assert found.passes.forward + found.passes.backward == PASSES <= 40
    json.dumps(found.as_dict(), allow_nan=False)
    assert screen(model, case.image, detector).scores == found.scores, "the same twice"


def test_what_is_saved_is_what_is_read(detector, file, model, phantom):
    again = load_detector(file)
    image = phantom.split("test")[1].image
    one, other = screen(model, image, detector), screen(model, image, again)
    assert one.scores == other.scores and one.suspicion == other.suspicion
    assert (one.percentile, one.verdict) == (other.percentile, other.verdict)
    assert again.about == json.loads(json.dumps(detector.about))


def test_another_model_is_refused(detector, file):
    other = load_model("phantom")
    with pytest.raises(BadModel, match="was made for"):
        screen(other, toys.images(1, side=64)[0], detector)


def test_a_file_that_is_none(tmp_path):
    with pytest.raises(BadModel, match="python -m radar_core detector"):
        load_detector(tmp_path / "none.detector")
    (tmp_path / "bad.detector").write_bytes(b"PK\x03\x04 no detector")
    with pytest.raises(BadModel, match="holds no detector"):
        load_detector(tmp_path / "bad.detector")


def test_a_file_of_another_version_says_so(detector, tmp_path, monkeypatch):
    monkeypatch.setattr(stored, "FORMAT", 1)
    detector.save(tmp_path / "old.detector")
    monkeypatch.undo()
    with pytest.raises(BadModel, match="another version of RADAR; python -m radar_core detector"):
        load_detector(tmp_path / "old.detector")


def test_features_far_from_all_that_is_known_cannot_be_told(detector, model, phantom):
    kind = detector.kinds["knn"]
    assert not kind.unlike(kind.known[:5]).any()
    assert kind.unlike(-kind.known[:5]).all()
    nowhere = replace(detector, kinds={"knn": replace(kind, known=-kind.known)})
    found = screen(model, phantom.split("test")[0].image, nowhere)
    assert (found.verdict, found.unlike) == ("cannot tell", ("knn",))
    assert found.sentence().startswith("Cannot tell: in what the model sees the image is like")


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(torch.zeros(3, 64, 64), id="black"),
        pytest.param(torch.ones(3, 64, 64), id="white"),
        pytest.param(torch.linspace(0, 1, 64).expand(3, 64, 64), id="grey levels, as an MRI"),
    ],
)
def test_an_image_of_another_kind_cannot_be_told(detector, model, other):
    found = screen(model, other, detector)
    assert found.verdict == "cannot tell" and "appearance" in found.unlike
    assert "in its colours" in found.sentence()


def test_images_of_the_kind_can_be_told_attacked_or_not(detector, model, phantom):
    test = phantom.split("test")
    images = torch.cat([model.prepare(test[number].image) for number in range(12)])
    kind = detector.kinds["appearance"]
    draws = torch.rand(images.shape, generator=torch.Generator().manual_seed(1))
    noise = (draws - 0.5).sign()
    for size in (0, 8 / 255, 16 / 255):
        assert kind.unlike(appearance((images + size * noise).clamp(0, 1))).sum() <= 1


def test_too_few_clean_images_are_refused(phantom, model):
    few = Plan(fit=14, tune=7, calibrate=20, attacks=("fgsm",), eps=("8/255",))
    with pytest.raises(BadData, match="takes 40 or more"):
        make_detector(phantom, model, few)


def test_a_model_of_other_classes_is_refused(phantom):
    with pytest.raises(BadModel, match="knows none of the classes"):
        make_detector(phantom, toys.conv(), PLAN)


def test_nothing_turned_is_nothing_to_learn_from(material):
    none = {n: {id: v[:0] for id, v in m.items()} for n, m in material.attacked.items()}
    with pytest.raises(BadData, match="no attack turned"):
        assemble(replace(material, attacked=none), {})


def test_a_model_without_features_has_fewer_scores(phantom):
    model = toys.conv()
    seen = look(model, toys.images(2, side=model.input_size))
    from radar_core.detection.detector import measure

    full = set(measure(seen))
    assert {"max_softmax", "squeezing", "noise_vote"} <= full
    assert ("mahalanobis" in full) == (seen.features is not None)
    assert ("cam_stability" in full) == (seen.maps is not None)


def test_looking_is_the_same_alone_and_in_company(model, phantom):
    cases = [phantom.split("test")[n] for n in range(3)]
    images = torch.cat([model.prepare(case.image) for case in cases])
    together, alone = look(model, images, seed=1), look(model, images[1:2], seed=1)
    torch.testing.assert_close(together.logits[1:2], alone.logits, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(together.noisy[:, 1:2], alone.noisy, rtol=1e-3, atol=1e-3)
    assert list(together.map_views) == [
        "bits",
        "median",
        "nlm",
        *(f"noise {n}" for n in (1, 2, 3, 4)),
    ]


def test_maps_and_logits_are_those_of_the_library(model, phantom):
    from radar_core.api import explain

    image = model.prepare(phantom.split("test")[0].image)
    seen = look(model, image)
    torch.testing.assert_close(seen.logits.softmax(1), model.probabilities(image))
    torch.testing.assert_close(seen.features, model.features(image))
    grid = seen.maps[:, None]
    upsampled = torch.nn.functional.interpolate(grid, image.shape[-2:], mode="bilinear")[:, 0]
    torch.testing.assert_close(upsampled, explain(model, image, "gradcam").maps)


def test_what_was_measured_is_kept_and_a_damaged_file_is_measured_anew(
    model, phantom, tmp_path, monkeypatch
):
    cases = [phantom.split("test")[n] for n in range(2)]
    measurer = Measurer(model, 0, tmp_path)
    change = Change("fgsm", "8/255")
    first, counts = measurer(cases, change)
    calls = []
    monkeypatch.setattr(measuring, "look", lambda *a, **k: calls.append(1) or look(*a, **k))
    again, counts_again = measurer(cases, change)
    assert not calls and torch.equal(counts, counts_again)
    assert all(torch.equal(first[id], again[id]) for id in first)
    (path,) = tmp_path.glob("*.npz")
    path.write_bytes(path.read_bytes()[:100])
    anew, _ = measurer(cases, change)
    assert calls and all(torch.equal(first[id], anew[id]) for id in first)
    measurer(cases, CLEAN)
    Measurer(model, 1, tmp_path)(cases, change)
    assert len(list(tmp_path.glob("*.npz"))) == 3, "another change, another seed: another file"


def test_it_can_be_stopped(phantom, model):
    progress = Progress()

    def stop(fraction, note=""):
        raise Cancelled("cancelled")

    progress.step = stop
    with pytest.raises(Cancelled):
        gather(phantom, model, PLAN, Measurer(model), progress)


def test_test_images_are_measured_in_every_form(phantom, model, tmp_path):
    changes = [Change("fgsm", "8/255"), Change("deepfool")]
    other = [phantom.split("val")]
    tested = measure_test(phantom, Measurer(model, 2, tmp_path), changes, 2, Progress(), also=other)
    assert list(tested.others) == [phantom.title]
    assert len(tested.images) == 2 and list(tested.changed) == list(measuring.BENIGN)
    assert list(tested.attacked) == [("fgsm", "8/255"), ("deepfool", "own")]
    for measured in (tested.clean, *tested.changed.values(), *tested.others.values()):
        assert all(len(values) == 2 for values in measured.values())


def test_the_bench_counts_what_it_says(material):
    from sklearn.metrics import roc_auc_score

    count = 12
    hostile = {id: 1.5 * values[-count:] + 0.1 for id, values in material.held_out.items()}
    clean, changed = ({id: v[at] for id, v in material.held_out.items()} for at in (
        slice(0, count), slice(count, 2 * count)))  # fmt: skip
    turned = torch.arange(count) > 0
    tested = Measurements(
        tuple(map(str, range(count))), clean, {"noise": changed},
        {("deepfool", "own"): (hostile, turned)},
        {"elsewhere": {**clean, "knn": -clean["knn"]}},
    )  # fmt: skip
    rows, alarms = evaluate(material, tested).tables()
    assert list(rows.detector) == [*DETECTORS, "combined"]
    assert list(alarms.images_are) == ["clean", "noise", "clean, of elsewhere"]
    assert set(alarms.images) == {count}
    assert list(alarms.cannot_tell > 0.5) == [False, False, True]
    here = rows[rows.detector == "entropy"].iloc[0]
    assert here.images == count - 1 and here.eps == "own"
    score = DETECTORS.create("entropy")
    attacked = score.score(hostile["entropy"][turned], {})
    calm = torch.cat([score.score(each["entropy"], {}) for each in (clean, changed)])
    truth = np.r_[np.ones(len(attacked)), np.zeros(len(calm))]
    expected = roc_auc_score(truth, torch.cat([attacked, calm]).numpy())
    assert here.auroc == pytest.approx(expected, abs=1e-9)
    assert here.auroc_low <= here.auroc <= here.auroc_high


def test_an_attack_is_tested_by_a_combination_that_has_not_seen_it(material, monkeypatch):
    seen = []
    real = assemble

    def spy(given, about, leave_out=()):
        seen.append(tuple(leave_out))
        return real(given, about, leave_out)

    monkeypatch.setattr("radar_core.uncover.bench.assemble", spy)
    clean = {id: values[:3] for id, values in material.held_out.items()}
    counts = torch.ones(3, dtype=torch.bool)
    tested = Measurements(("a", "b", "c"), clean, {}, {("fgsm", "8/255"): (clean, counts)})
    evaluate(material, tested)
    assert seen == [(), ("fgsm",)]


def test_commands(decided, file, tmp_path, capsys):
    assert main(["screen", "3", "--model", decided, "--detector", str(file), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["verdict"] in ("usual", "unusual", "cannot tell") and said["sentence"]
    (tmp_path / "empty.png").write_bytes(b"no picture")
    code = main(
        ["screen", str(tmp_path / "empty.png"), "--model", decided, "--detector", str(file)]
    )
    assert code == 2 and capsys.readouterr().err.startswith("radar: ")
    folder = tmp_path / "inbox" / "monday"
    folder.mkdir(parents=True)
    Image.effect_noise((80, 90), 40).convert("RGB").save(folder / "a.png")
    (folder / "b.png").write_bytes(b"no picture")
    there = ["--model", decided, "--detector", str(file), "--json"]
    assert main(["screen", str(tmp_path / "inbox"), *there]) == 2, "one of them cannot be read"
    told = capsys.readouterr()
    assert json.loads(told.out)["image"] == "monday/a.png" and "b.png" in told.err
    (tmp_path / "none").mkdir()
    assert main(["screen", str(tmp_path / "none"), *there]) == 2
    assert "holds no PNG" in capsys.readouterr().err
    assert main(["screen", "3", "--model", "phantom", "--detector", str(file)]) == 2
    assert "was made for" in capsys.readouterr().err


@pytest.mark.usefixtures("material")
def test_the_bench_as_a_command(decided, measured, tmp_path, capsys):
    words = ["detect", "--model", decided, "--fit", "14", "--tune", "7", "--calibrate", "40"]
    words += ["--against", "fgsm,deepfool", "--against-eps", "8/255", "--seed", "2"]
    words += ["--attacks", "fgsm", "--eps", "8/255", "--images", "2", "--keep", str(measured)]
    place = place_of(decided, write=True)
    try:
        assert main([*words, "--out", str(tmp_path / "out"), "--store", "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert {row["detector"] for row in found["detection"]} == {*DETECTORS, "combined"}
        assert len(found["false_alarms"]) == 1 + len(measuring.BENIGN)
        assert load_figures(place, load_detector(place))["detection"] == found["detection"]
        other = replace(load_detector(place), threshold=9.0)
        assert load_figures(place, other) is None, "figures of another detector"
    finally:
        place.unlink(missing_ok=True)
        figures_of(place).unlink(missing_ok=True)
    page = (tmp_path / "out" / "detection.html").read_text(encoding="utf-8")
    assert "<h2>False alarms</h2>" in page and "All together" in page and "src=" not in page
    assert main([*words, "--out", str(tmp_path / "out"), "--attacks", "uap"]) == 2
    assert "turns no single image" in capsys.readouterr().err


def test_verdicts_claim_no_more_than_is_known():
    unusual = sentence("unusual", 97.4)
    assert "97th percentile" in unusual and "not by itself evidence of tampering" in unusual
    assert "5 % of clean images" in unusual
    assert sentence("cannot tell", 99).startswith("Cannot tell")
    usual = sentence("usual", 40)
    assert "safe" not in usual and "would look the same" in usual


@pytest.mark.parametrize(
    ("clean", "attacked", "words"),
    [
        ("usual", "unusual", "would have noticed: the attacked image is unusual (97th percentile"),
        ("usual", "usual", "would not have noticed"),
        ("unusual", "usual", "would not have noticed"),
        ("unusual", "unusual", "not have told one from the other"),
        ("cannot tell", "cannot tell", "cannot tell: these images"),
        ("cannot tell", "unusual", "of the clean image, which is like none that it was made with"),
        ("usual", "cannot tell", "of the attacked image, which is like none that it was made"),
        ("usual", "cannot tell", "the clean one it calls usual"),
    ],
)
def test_whether_it_would_have_noticed(detector, model, phantom, clean, attacked, words):
    one = screen(model, phantom.split("test")[0].image, detector)
    both = (replace(one, verdict=clean), replace(one, verdict=attacked, percentile=97.0))
    assert words in noticed(*both)


def test_a_score_is_called_unusual_in_one_clean_image_of_twenty():
    assert "unusually" in said("knn", 98.0) and "unusually low" in said("knn", 2.0)
    assert all(said("knn", p).startswith("Within the usual") for p in (2.5, 50.0, 97.5))


def test_passes_are_counted_once(model):
    with count_passes() as passes:
        look(model, toys.images(1, side=model.input_size))
    assert passes.forward + passes.backward == PASSES
