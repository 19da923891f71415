"""A run: what it finds, how it goes on, what a changed grid computes, what it does with trouble."""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pytest
import torch

from radar_core.api import attack, compare, explain
from radar_core.case import ground
from radar_core.data import open_data
from radar_core.errors import BadData, BadParameter, Cancelled, CannotWrite
from radar_core.experiments.cells import grid
from radar_core.experiments.course import Clock, read_course
from radar_core.experiments.engines import Event
from radar_core.experiments.run import TRIES, lay_out, run_experiment
from radar_core.experiments.spec import ExperimentSpec
from radar_core.experiments.store import ExperimentStore
from radar_core.models import load_model
from radar_core.models.classifier import Classifier

SPENT = ["seconds"]  # the one thing that differs from run to run


def rows(folder, wanted=None):
    """Everything that was found, in an order of its own, without what it took."""
    store = ExperimentStore(folder)
    found = store.rows(store.wanted() if wanted is None else wanted).drop(columns=SPENT)
    texts = found.select_dtypes("category").columns
    found = found.astype(dict.fromkeys(texts, str))
    return found.sort_values([*texts, "value"], ignore_index=True)


def test_rows_hold_every_value(whole, spec):
    found = rows(whole)
    done = found[found.kind == "outcome"]
    assert len(done) == 4 * 3
    assert set(done.attack + " " + done.eps) == {"fgsm 2/255", "fgsm 8/255", "deepfool own"}
    scored = found[(found.explainer == "gradcam") & (found.metric == "ssim")]
    assert (scored.kind == "attack").sum() == 12
    moved = done[done.linf > 0]
    assert (scored.kind == "control").sum() == 2 * len(moved)
    assert {"lesion_share_change", "evidence_share_change"} < set(found.metric)
    fgsm = done[(done.attack == "fgsm") & (done.eps == "8/255") & (done.status != "no-op")]
    assert fgsm.linf.to_numpy() == pytest.approx(8 / 255, rel=1e-3)
    assert (found[found.kind == "cost"].groupby("attack").forward.sum() > 0).all()


def test_a_cell_is_the_case_computed_alone(whole, spec):
    """What the grid says of an image is what attack, explain and compare say of it."""
    data, model = open_data("phantom"), load_model(spec.models[0])
    layout = grid(spec, {spec.models[0]: model.sha256()}, data)
    case = data.case(layout.images[1])
    clean = model.prepare(case.image)
    label = case.label if case.label in model.class_names else None
    alone = attack(model, clean, "fgsm", "8/255", label=label, seed=spec.seed)
    found = rows(whole)
    here = found[(found.image == case.id) & (found.attack == "fgsm") & (found.eps == "8/255")]
    outcome = here[here.kind == "outcome"].iloc[0]
    assert outcome.status == alone.status[0]
    assert outcome.reads == alone.readings_attacked[0].label
    assert outcome.l2 == pytest.approx(alone.l2[0], rel=1e-4)
    maps = explain(
        model,
        [clean[0], alone.images[0]],
        "gradcam",
        target=alone.readings_clean[0].label,
        background=ground.background(data, model),
        seed=spec.seed,
    )
    mine = here[(here.kind == "attack") & (here.explainer == "gradcam")].set_index("metric").value
    for metric, value in compare(maps[0], maps[1]).items():
        assert mine[metric] == pytest.approx(value, abs=2e-3, nan_ok=True)


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_broken_run_goes_on_to_equal_results(spec, engine, whole, tmp_path, after):
    steps = run_experiment(spec, tmp_path, engine)
    while next(steps).done < after:
        pass
    steps.close()
    assert read_course(tmp_path).state == "stopped"
    before = engine.cells
    *_, last = run_experiment(spec, tmp_path, engine, resume=True)
    assert (last.done, last.before) == (4, after)
    assert engine.cells - before == 4 - after, "what is done is not done again"
    pd.testing.assert_frame_equal(rows(tmp_path), rows(whole))


def test_a_changed_grid_computes_what_the_change_touches(spec, engine, tmp_path):
    small = replace(spec, attacks=("fgsm",), eps=("2/255",), explainers=("gradcam",), images=2)
    *_, _ = run_experiment(small, tmp_path, engine)
    assert engine.cells == 1
    known = ExperimentStore(tmp_path).known()
    *_, last = run_experiment(replace(small, images=4), tmp_path, engine, resume=True)
    assert engine.cells == 2 and last.before == 1
    wider = replace(small, images=4, explainers=("gradcam", "saliency"))
    (cell,) = [
        c for c in lay_out(wider).missing(known) if c.images == lay_out(small).cells[0].images
    ]
    assert [p.explainer for p in cell.parts] == ["saliency"], "the attack is known already"
    *_, _ = run_experiment(wider, tmp_path, engine, resume=True)
    *_, last = run_experiment(small, tmp_path, engine, resume=True)
    assert (last.cells, last.before) == (1, 1), "going back computes nothing"
    assert set(rows(tmp_path).explainer) == {"", "gradcam"}, "and shows nothing else"
    other = lay_out(replace(small, seed=4))
    assert not other.parts & lay_out(small).parts


def test_another_experiment_in_the_folder_is_one_sentence(spec, engine, whole, tmp_path):
    with pytest.raises(BadParameter, match=r"holds this one; add --resume"):
        next(run_experiment(spec, whole, engine))
    with pytest.raises(BadParameter, match=r"another experiment \(seed differ\)"):
        next(run_experiment(replace(spec, seed=9), whole, engine))
    with pytest.raises(BadParameter, match="on phantom, not on"):
        next(run_experiment(replace(spec, split="val"), whole, engine, resume=True))
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(BadParameter, match="neither empty nor"):
        next(run_experiment(spec, tmp_path, engine))
    assert (tmp_path / "mine.txt").exists()


def test_two_runs_do_not_share_a_folder(spec, engine, tmp_path):
    steps = run_experiment(spec, tmp_path, engine)
    next(steps)
    with pytest.raises(CannotWrite, match="another run"):
        next(run_experiment(spec, tmp_path, engine, resume=True))
    steps.close()


def test_a_damaged_cell_is_found_and_computed_again(spec, engine, whole, tmp_path):
    steps = run_experiment(spec, tmp_path, engine)
    while next(steps).done < 3:
        pass
    steps.close()
    first, second, _ = sorted((tmp_path / "cells").glob("*.parquet"))
    content = bytearray(first.read_bytes())
    content[len(content) // 2] ^= 255  # one byte in the middle: its footer is whole
    first.write_bytes(content)
    second.write_bytes(second.read_bytes()[:100])
    *_, last = run_experiment(spec, tmp_path, engine, resume=True)
    assert (last.before, last.done) == (1, 4)
    pd.testing.assert_frame_equal(rows(tmp_path), rows(whole))


def test_a_cell_that_fails_is_tried_thrice_and_the_rest_goes_on(spec, engine, tmp_path):
    compute, tried = engine.bench.compute, []

    def broken(cell):
        if cell.attack == "deepfool":
            tried.append(cell.name)
            raise ZeroDivisionError("by design")
        return compute(cell)

    engine.bench.compute = broken
    *_, last = run_experiment(spec, tmp_path, engine)
    assert last.state == "done" and last.done == 2
    assert len(tried) == 2 * TRIES
    assert [f.tries for f in last.failures] == [TRIES, TRIES]
    assert "ZeroDivisionError: by design" in last.failures[0].error
    engine.bench.compute = compute
    *_, last = run_experiment(spec, tmp_path, engine, resume=True)
    assert (last.done, last.failures) == (4, ())


def test_a_lost_worker_s_cell_is_computed_elsewhere(spec, engine, whole, tmp_path):
    run = engine.run

    def losing(take):
        lost = take()
        yield Event("lost", lost, error="gone")
        yield from run(take)

    engine.run = losing
    *_, last = run_experiment(spec, tmp_path, engine)
    assert (last.done, last.failures) == (4, ())
    pd.testing.assert_frame_equal(rows(tmp_path), rows(whole))


def test_it_pauses_and_stops_when_asked(spec, engine, tmp_path):
    steps, store = run_experiment(spec, tmp_path, engine), ExperimentStore(tmp_path)
    while next(steps).done < 1:
        pass
    store.wish("pause", wanted=True)
    while (course := next(steps)).state != "paused":
        pass
    assert course.done < 4 and store.busy()
    store.wish("pause", wanted=False)
    while next(steps).done <= course.done:
        pass
    store.wish("stop", wanted=True)
    with pytest.raises(Cancelled):
        list(steps)
    assert read_course(tmp_path).state == "stopped" and not store.busy()
    *_, last = run_experiment(spec, tmp_path, engine, resume=True)
    assert last.done == 4, "an old wish stops no new run"


def test_an_image_that_cannot_be_read_is_said_and_the_others_are_done(engine, decided, tmp_path):
    from PIL import Image

    data = tmp_path / "data"
    for name, colour in (("mel", 90), ("nv", 160)):
        (data / name).mkdir(parents=True)
        for number in range(2):
            Image.new("RGB", (80, 80), (colour, 90 + 9 * number, 80)).save(
                data / name / f"{name}{number}.png"
            )
    bad = data / "mel" / "mel0.png"
    spec = ExperimentSpec(
        str(data), models=(decided,), attacks=("fgsm",), eps=("4/255",), explainers=("saliency",),
        images=4, chunk=4, controls=1,
    )  # fmt: skip
    layout = lay_out(spec)
    bad.write_bytes(bad.read_bytes()[:60])
    *_, last = run_experiment(spec, tmp_path / "out", engine)
    assert (last.done, last.failures) == (1, ())
    found = rows(tmp_path / "out")
    assert set(found[found.kind == "failed"].image) == {
        e.id for e in layout.images if "mel0" in e.id
    }
    assert len(found[found.kind == "outcome"]) == 3
    bad.unlink()
    assert not lay_out(spec).parts & layout.parts, "other pictures are other results"


def test_an_explainer_that_does_not_fit_is_marked_and_the_rest_is_done(spec, engine, tmp_path):

    bare = replace(spec, images=2, attacks=("fgsm",), explainers=("gradcam", "saliency"))
    load = engine.bench.model

    def layerless(name, sha256):
        model = load(name, sha256)
        return Classifier(model.module, model.class_names, input_size=64, cam_layer="classifier")

    engine.bench.model = layerless
    *_, last = run_experiment(bare, tmp_path, engine)
    assert (last.done, last.failures) == (1, ())
    found = rows(tmp_path)
    failed = found[found.kind == "failed"]
    assert set(failed.explainer) == {"gradcam"} and "convolutional" in failed.error.iloc[0]
    assert (found[found.kind == "attack"].explainer == "saliency").all()


def test_no_image_is_one_sentence(spec, engine, tmp_path):
    with pytest.raises(BadData):
        next(run_experiment(replace(spec, data=str(tmp_path)), tmp_path / "out", engine))


def test_what_is_kept_is_lossless(spec, engine, tmp_path):
    import numpy as np
    from PIL import Image

    few = replace(spec, images=2, attacks=("fgsm",), explainers=("gradcam",), features=True)
    *_, _ = run_experiment(replace(few, keep="npz"), tmp_path / "npz", engine)
    *_, _ = run_experiment(replace(few, keep="png"), tmp_path / "png", engine)
    raw = sorted((tmp_path / "npz" / "arrays").rglob("images.npz"))
    assert len(raw) == 2
    values = np.load(raw[0])
    frame = next(name for name in values.files if name.startswith("8"))
    assert abs(values[frame] - values["clean"]).max() == pytest.approx(8 / 255, abs=1e-6)
    picture = sorted((tmp_path / "png" / "arrays").rglob(f"{frame}.png"))[0]
    pixels = np.asarray(Image.open(picture)).transpose(2, 0, 1)
    assert np.array_equal(pixels, np.rint(values[frame] * 255))
    maps = np.load(raw[0].with_name("gradcam.npz"))
    assert maps["clean"].shape == (64, 64) and len(maps.files) == 3
    (features,) = (tmp_path / "npz" / "features").glob("*.npz")
    kept = np.load(features)
    model = load_model(spec.models[0])
    clean = torch.from_numpy(values["clean"])[None]
    place = list(kept["images"]).index(raw[0].parent.name)
    mine = model.features(clean)[0].numpy()
    assert np.allclose(kept["clean"][place], mine, atol=1e-3 * abs(mine).max())


def test_time_left_is_that_of_cells_of_its_kind():
    clock = Clock()
    assert clock.left({("m", "fgsm"): 3}, 1) is None
    clock.add("m", "fgsm", 1.0)
    clock.add("m", "cw", 9.0)
    assert clock.left({("m", "fgsm"): 3, ("m", "cw"): 2}, 2) == pytest.approx((3 + 18) / 2)
    assert clock.left({("m", "pgd"): 2}, 1) == pytest.approx(10.0), "an unknown kind: the usual"


def test_the_manifest_can_be_read(whole, spec):
    said = json.loads((whole / "manifest.json").read_text())
    assert len(said["images"]) == 4 and said["command"] == "typed <x>"
    assert said["models"].keys() == set(spec.models)
    assert ExperimentStore(whole).spec() == spec
    (whole.parent / "bad").mkdir(exist_ok=True)
    (whole.parent / "bad" / "manifest.json").write_text("[]")
    with pytest.raises(BadParameter, match="not an experiment's manifest"):
        ExperimentStore(whole.parent / "bad").spec()
