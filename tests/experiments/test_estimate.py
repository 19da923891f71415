"""The estimate: held against a real run, what it takes from earlier runs, its arithmetic."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from radar_core.cli import main
from radar_core.errors import BadParameter, Cancelled, RadarError
from radar_core.experiments import estimate as module
from radar_core.experiments.course import read_course
from radar_core.experiments.estimate import (
    A_FILE,
    A_PART,
    A_WORKER,
    RESULTS,
    Rates,
    about_bytes,
    estimate,
    maps_an_image,
    pilot,
)
from radar_core.experiments.pilot import earlier, measure
from radar_core.experiments.spec import ExperimentSpec
from radar_core.experiments.store import ExperimentStore
from radar_core.runtime import Progress

SPEC = ExperimentSpec(
    models=("m",),
    attacks=("fgsm", "deepfool"),
    eps=("1/255", "2/255"),
    explainers=("gradcam", "lime"),
    images=10,
    chunk=4,
    controls=3,
)


def test_the_arithmetic():
    rates = Rates(
        images=10,
        attacks={("m", "fgsm"): 1.0, ("m", "deepfool"): 2.0},
        maps={("m", "gradcam"): 0.5, ("m", "lime"): 2.0},
        metrics=12,
        row=10.0,
    )
    assert maps_an_image(SPEC, "fgsm", "gradcam") == 1 + 2 * 4
    assert maps_an_image(SPEC, "fgsm", "lime") == 1 + 2 * 4 + 1
    assert maps_an_image(SPEC, "deepfool", "gradcam") == 1 + 4
    an_image = 3.0 + 0.5 * (9 + 5) + 2.0 * (10 + 6)
    found = estimate(SPEC, rates, workers=1)
    assert found.seconds == pytest.approx(10 * an_image + A_WORKER)
    assert (found.images, found.frames, found.maps, found.cells) == (10, 30, 300, 6)
    assert estimate(SPEC, rates, workers=3).seconds == pytest.approx(10 * an_image / 3 + A_WORKER)
    many = estimate(SPEC, rates, workers=100)
    assert many.seconds == pytest.approx(10 * an_image / 6 + A_WORKER), "no more than its cells"
    scored = (8 + 4 + 9 + 5) * 12
    rows = 10 * (scored + 3 * (1 + 3 / 4))
    files = 6 * A_FILE + 3 * 9 * A_PART + RESULTS
    assert found.size == pytest.approx(2 * 10.0 * rows + files)
    assert found.low < found.seconds < found.high
    assert Rates.of(rates.as_dict()) == rates


def test_what_is_kept_counts():
    rates = Rates(10, {}, pictures={"m": 100}, map_bytes={"m": 30}, features={"m": 7})
    plain = estimate(SPEC, rates, 1).size
    kept = estimate(replace(SPEC, keep="png", features=True), rates, 1).size
    frames = 3 + 2  # clean and two ε, clean and the nearest
    assert kept - plain == pytest.approx(10 * frames * (100 + 2 * 30 + 7))


@pytest.mark.parametrize(
    ("size", "said"),
    [(0, "0 bytes"), (994, "990 bytes"), (198_000, "200 kB"), (1234, "1.2 kB"), (5e10, "50 GB")],
)
def test_sizes_in_words(size, said):
    assert about_bytes(size) == said


def test_a_real_run_takes_what_was_said(spec, tmp_path, monkeypatch):
    """Within a factor of four on a busy machine; then its rates are taken from that run."""
    monkeypatch.setenv("RADAR_THREADS", "1")
    asked = replace(spec, images=8, chunk=4, controls=4, attacks=("fgsm", "pgd"))
    told: list[str] = []
    watched = Progress(lambda _, note: told.append(note))
    (said,) = pilot(asked, tmp_path, 1, watched)
    assert "one image" in said.basis and "earlier" not in said.basis
    assert any(note.startswith("attacking one image") for note in told)
    out = tmp_path / "run"
    words = ["--models", asked.models[0], "--attacks=fgsm,pgd", "--eps=2/255,8/255"]
    words += ["--explainers=gradcam,saliency", "--images=8", "--seed=3", "--workers=1"]
    assert main(["experiment", *words, "--out", str(out)]) == 0
    course = read_course(out)
    assert course is not None and course.cells == said.cells
    assert said.seconds / 4 < course.seconds < said.seconds * 4
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    assert said.size / 2 < size < said.size * 2, (said.size, size)
    done = ExperimentStore(out).rows(ExperimentStore(out).wanted(), ["kind"])
    assert (done.kind == "outcome").sum() == said.frames

    known = earlier(tmp_path, course.engine)
    notes: list[str] = []
    more = replace(asked, seed=9, attacks=("fgsm", "bim"))
    rates = measure(more, known, lambda _, note: notes.append(note))
    assert rates.earlier == (3, 4), "only bim was never run here"
    spent = ExperimentStore(out).rows(ExperimentStore(out).wanted(), kinds=["cost"])
    fgsm = spent[(spent.attack == "fgsm") & (spent.explainer == "")].seconds.sum() / 8
    assert rates.attacks[asked.models[0], "fgsm"] == pytest.approx(fgsm)
    assert earlier(tmp_path, "other workers").attacks == {}


def test_what_cannot_be_is_refused(spec, tmp_path):
    with pytest.raises(BadParameter, match="at least one of models"):
        list(pilot(replace(spec, models=()), tmp_path, 1))
    with pytest.raises(RadarError, match="nowhere"):
        list(pilot(replace(spec, models=("nowhere",)), tmp_path, 1))


def test_what_is_cancelled_ends(spec, tmp_path, monkeypatch):
    slow = """if True:
        import time
        print('{"fraction": 0.5, "note": "measuring"}', flush=True)
        time.sleep(3600)
    """
    monkeypatch.setattr(module, "PYTHON", (sys.executable, "-c", slow))

    def cancel(fraction: float, _: str) -> None:
        if fraction > 0:
            raise Cancelled("by the visitor")

    with pytest.raises(Cancelled):
        list(pilot(spec, tmp_path, 1, Progress(cancel)))
