"""Points of an experiment and of a few images; their layout, and the process that makes it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest

from radar_core.data import open_data
from radar_core.errors import BadParameter, Cancelled, RadarError
from radar_core.experiments import plane
from radar_core.experiments.embedding import Points, features_of, load
from radar_core.experiments.run import run_experiment
from radar_core.experiments.store import ExperimentStore
from radar_core.models import load_model
from radar_core.runtime import Progress
from radar_core.settings import ROOT
from tests.experiments.conftest import InProcess


@pytest.fixture(scope="module")
def with_features(spec, tmp_path_factory):
    """The folder of an experiment that kept features, and holds those of an earlier grid, too."""
    folder = tmp_path_factory.mktemp("features") / "out"
    wanted = replace(spec, explainers=(), features=True)
    earlier = replace(wanted, attack_parameters=(("deepfool.steps", 7),))
    list(run_experiment(earlier, folder, InProcess()))
    list(run_experiment(wanted, folder, InProcess(), resume=True))
    return folder


@pytest.fixture
def blobs() -> np.ndarray:
    """Two groups of thirty points in twelve dimensions."""
    draw = np.random.default_rng(4)
    return (draw.normal(size=(60, 12)) + 8 * (np.arange(60) % 2)[:, None]).astype(np.float32)


def test_an_experiments_points_are_its_images_each_clean_once(with_features, spec):
    model = spec.models[0]
    points = load(ExperimentStore(with_features), model)
    table = points.table
    clean = table[table.attack == ""]
    assert len(clean) == clean.image.nunique() == 4
    assert len(table) == 4 + 4 * 3  # at two ε, and the nearest example
    assert not table.duplicated(["image", "attack", "eps"]).any()
    assert (table.image.to_numpy()[table.clean] == table.image).all()
    assert (table.clean[clean.index] == clean.index).all()
    assert set(table.status) <= {"", "flipped", "held", "already wrong", "no-op", "target reached"}
    data, loaded = open_data("phantom"), load_model(model)
    row = clean.index[2]
    picture = loaded.prepare(data.case(data.find(table.image[row])).image)
    alone = loaded.features(picture).detach().cpu().numpy()[0]
    assert points.features[row] == pytest.approx(alone, abs=1e-4)
    assert loaded.read(picture)[0].label == table.reads[row]


def test_what_was_not_kept_is_said_and_the_way_to_it_works(whole, spec, tmp_path):
    folder, plain = tmp_path / "out", replace(spec, attacks=("fgsm",), explainers=(), images=2)
    list(run_experiment(plain, folder, InProcess()))
    with pytest.raises(BadParameter, match="--resume --features"):
        load(ExperimentStore(folder), spec.models[0])
    list(run_experiment(replace(plain, features=True), folder, InProcess(), resume=True))
    assert len(load(ExperimentStore(folder), spec.models[0])) == 2 + 2 * 2
    with pytest.raises(BadParameter, match="not a model"):
        load(ExperimentStore(folder), "another")


def test_a_broken_file_of_features_is_passed_over(with_features, spec, tmp_path):
    import shutil

    folder = shutil.copytree(with_features, tmp_path / "copy")
    before = len(load(ExperimentStore(folder), spec.models[0]))
    (folder / "features" / "broken.npz").write_bytes(b"PK\x03\x04 no zip")
    assert len(load(ExperimentStore(folder), spec.models[0])) == before


def test_a_few_images_without_an_experiment(decided):
    data, model = open_data("phantom"), load_model(decided)
    *_, points = features_of(data, model, "fgsm", "8/255", 18, seed=3)
    assert len(points) == 36 and points.features.shape[0] == 36
    assert list(points.table.clean) == [n // 2 * 2 for n in range(36)]
    assert points.table.status[1::2].isin(["flipped", "held", "already wrong", "no-op"]).all()
    sizes = [len(each) for each in features_of(data, model, "fgsm", "8/255", 18, seed=3)]
    assert sizes == [32, 36]


def test_a_sample_is_whole_images(with_features, spec):
    points = load(ExperimentStore(with_features), spec.models[0])
    some = points.sample(9, seed=1)
    assert len(some) == 8 and some.table.image.nunique() == 2
    assert (some.table.image.to_numpy()[some.table.clean] == some.table.image).all()
    assert (some.table.image == points.sample(9, seed=1).table.image).all()
    assert points.sample(1000) is points
    index = points.table.set_index(["image", "attack", "eps"]).index
    where = [index.get_loc(key) for key in some.table.set_index(["image", "attack", "eps"]).index]
    assert (points.features[where] == some.features).all()


@pytest.mark.parametrize("shape", [(60, 12), (8, 40)])
def test_pca_is_the_singular_value_decomposition(shape):
    values = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    place, shares = plane.principal(values)
    centred = values.astype(float) - values.mean(axis=0, dtype=float)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    assert np.abs(place) == pytest.approx(np.abs(u[:, :2] * s[:2]), abs=1e-4)
    assert shares == pytest.approx((s**2 / (s**2).sum())[:2], abs=1e-6)
    again, _ = plane.principal(values[::-1])
    assert again[::-1] == pytest.approx(place, abs=1e-4)  # neither order nor luck turns an axis


def test_pca_of_what_does_not_vary():
    place, said = plane.embed(np.ones((3, 4), dtype=np.float32), "pca")
    assert (place == 0).all() and "0% and 0%" in said


TWICE = """
import sys, numpy as np
from radar_core.experiments.plane import fitted
given = np.load(sys.argv[1])
np.save(sys.argv[2], np.stack([fitted(given, sys.argv[3], 3) for _ in range(2)]))
"""


@pytest.mark.parametrize("method", ["tsne", "umap"])
def test_one_seed_gives_one_layout_and_neighbours_stay(blobs, method, tmp_path):
    if method == "umap" and not plane.has_umap():
        pytest.skip("umap-learn is not installed")
    np.save(tmp_path / "from.npy", blobs[:20])
    plain = {**os.environ, "NUMBA_DISABLE_JIT": "1"}  # UMAP's compiling takes longer than its work
    files = [str(tmp_path / name) for name in ("from.npy", "to.npy")]
    subprocess.run([sys.executable, "-c", TWICE, *files, method], cwd=ROOT, env=plain, check=True)
    one, other = np.load(tmp_path / "to.npy")
    assert one.shape == (20, 2) and (one == other).all()
    apart = ((one[:, None] - one[None]) ** 2).sum(-1) + 1e9 * np.eye(20)
    assert (apart.argmin(axis=1) % 2 == np.arange(20) % 2).mean() > 0.9


def test_a_layout_by_a_process_is_that_of_this_one(blobs):
    place, said = plane.embed(blobs, "tsne", 3)
    assert place == pytest.approx(plane.fitted(blobs, "tsne", 3), abs=1e-3)
    assert "means nothing" in said


def test_neighbours_fit_few_points():
    assert plane.perplexity(1000) == 30 and plane.perplexity(10) == 3
    assert plane.neighbours(1000) == 15 and plane.neighbours(6) == 5


def test_what_cannot_be_laid_out_is_refused(blobs, monkeypatch):
    with pytest.raises(BadParameter, match="choose one of"):
        plane.embed(blobs, "isomap")
    with pytest.raises(BadParameter, match="needs 5 points"):
        plane.embed(blobs[:4], "tsne")
    monkeypatch.setattr(plane, "has_umap", lambda: False)
    with pytest.raises(BadParameter, match="pip install umap-learn"):
        plane.embed(blobs, "umap")


def test_stopping_ends_the_process(blobs):
    stop, seen = threading.Event(), []

    def started(process: subprocess.Popen[bytes]) -> None:
        seen.append(process)
        stop.set()

    with pytest.raises(Cancelled):
        plane._elsewhere(blobs, "tsne", 0, Progress(stop=stop), started)
    assert seen[0].returncode == -9


def test_a_process_that_fails_says_why(blobs):
    broken = blobs.copy()
    broken[0, 0] = np.nan
    with pytest.raises(RadarError, match=r"t-SNE has failed: .*NaN"):
        plane.embed(broken, "tsne")


def test_points_weigh_what_they_hold(with_features, spec):
    points: Points = load(ExperimentStore(with_features), spec.models[0])
    assert points.nbytes > points.features.nbytes
