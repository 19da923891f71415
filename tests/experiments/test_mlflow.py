"""An experiment's results in MLflow, written by the command and read back by MLflow itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from radar_core.errors import EngineUnavailable
from radar_core.experiments.background import words
from radar_core.experiments.mlflow import client

ROOT = Path(__file__).resolve().parents[2]
READ = """
import json, sys
import mlflow
client = mlflow.MlflowClient(tracking_uri=sys.argv[1])
(experiment,) = [e for e in client.search_experiments() if e.name == "RADAR"]
runs = client.search_runs([experiment.experiment_id])
run = runs[0]
files = [f.path for f in client.list_artifacts(run.info.run_id, "results")]
print(json.dumps([len(runs), run.data.params, run.data.metrics, run.data.tags, files]))
"""


def test_rates_settings_and_files_are_logged_into_one_run(spec, tmp_path):
    """In processes of their own: what MLflow warns of when it is imported is not ours."""
    where = f"file:{tmp_path / 'mlruns'}"
    asked = replace(spec, attacks=("fgsm",), explainers=(), images=2)
    command = [sys.executable, "-m", "radar_core", *words(asked, tmp_path / "run")]
    for more in ([], ["--resume"]):
        subprocess.run([*command, *more, "--mlflow", where], cwd=ROOT, check=True, timeout=200)
    environment = {**os.environ, "MLFLOW_ALLOW_FILE_STORE": "true"}
    said = subprocess.run(
        [sys.executable, "-c", READ, where],
        env=environment, check=True, capture_output=True, text=True, timeout=200,
    ).stdout  # fmt: skip
    runs, params, metrics, tags, files = json.loads(said)
    assert runs == 1, "going on logs into the same run"
    assert params["images"] == "2" and params["attacks"] == "['fgsm']"
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert tags["radar.experiment"] == manifest["key"]
    assert set(manifest["models"].values()) <= set(tags.values())
    rates = {name: value for name, value in metrics.items() if name.startswith("success/")}
    assert len(rates) == len(spec.eps) and all(0 <= value <= 1 for value in rates.values())
    assert {"results/report.html", "results/robustness.csv"} <= set(files)


def test_no_mlflow_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(EngineUnavailable, match="MLflow is not installed; pip install"):
        client("file:anywhere")
