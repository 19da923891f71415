"""An experiment's results in MLflow, logged by the command and read back by MLflow itself."""

from __future__ import annotations

import json
import shutil
import sys
import warnings

import pytest

from radar_core.cli import main
from radar_core.errors import EngineUnavailable
from radar_core.experiments.mlflow import KEY, NAME, client


@pytest.fixture
def mlflow():
    """MLflow, whose warnings on import are not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow

        yield mlflow


def test_rates_settings_and_files_are_logged_into_one_run(mlflow, spec, whole, tmp_path, capsys):
    where = f"file:{tmp_path / 'mlruns'}"
    folder = shutil.copytree(whole, tmp_path / "out")
    for _ in range(2):  # nothing is left to compute: it goes on, and logs into the same run
        asked = ["experiment", "--resume", "--out", str(folder), "--mlflow", where]
        assert main(asked) == 0
        assert f"at {where}" in capsys.readouterr().err
    reader = mlflow.MlflowClient(tracking_uri=where)
    (run,) = reader.search_runs([reader.get_experiment_by_name(NAME).experiment_id])
    assert run.data.params["images"] == str(spec.images)
    assert run.data.params["attacks"] == str(list(spec.attacks))
    manifest = json.loads((folder / "manifest.json").read_text())
    assert run.data.tags[KEY] == manifest["key"]
    assert set(manifest["models"].values()) <= set(run.data.tags.values())
    rates = {n: v for n, v in run.data.metrics.items() if n.startswith("robust_accuracy/")}
    assert len(rates) == 3 and all(0 <= value <= 1 for value in rates.values())
    files = {file.path for file in reader.list_artifacts(run.info.run_id, "results")}
    assert {"results/report.html", "results/robustness.csv"} <= files


def test_no_mlflow_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(EngineUnavailable, match="MLflow is not installed; pip install"):
        client("file:anywhere")
