"""The results of an experiment in MLflow, for those who keep their runs there. An extra.

A run of MLflow an experiment: its specification as parameters, hashes of models and versions as
tags, rates of each model, attack and ε as metrics, the files of `results/` as artifacts. An
experiment that is gone on with is logged into its run again.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

from radar_core.errors import CannotWrite, EngineUnavailable, first_line
from radar_core.experiments.keeping import safe
from radar_core.experiments.store import ExperimentStore

if TYPE_CHECKING:
    from pandas import DataFrame

NAME = "RADAR"  # the experiment of MLflow that the runs are of
KEY = "radar.experiment"  # the tag by which a run is found again
RATES = ("accuracy", "robust_accuracy", "success")
LONGEST = 6000  # characters of a parameter's value


def client(where: str) -> Any:
    """What speaks to a tracking server, or writes to a folder.

    Args:
        where: an MLflow tracking address, such as `http://127.0.0.1:5000` or `file:out/mlruns`.

    Raises:
        EngineUnavailable: MLflow is not installed, or there is no such place.
    """
    # MLflow reads these once; it says more of both than a command line should.
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    try:
        mlflow: Any = importlib.import_module("mlflow")
    except ImportError:
        raise EngineUnavailable(
            "MLflow is not installed; pip install mlflow-skinny, or leave out --mlflow"
        ) from None
    try:
        found = mlflow.MlflowClient(tracking_uri=where)
        found.search_experiments(max_results=1)
    except (mlflow.MlflowException, OSError) as error:
        raise EngineUnavailable(f"no MLflow at {where} ({first_line(error)})") from None
    return found


def log_results(store: ExperimentStore, where: Any) -> str:
    """Log what there is; the id of the run.

    Args:
        where: a `client`.

    Raises:
        BadParameter: the folder holds no experiment. CannotWrite: MLflow took it not.
    """
    import pandas as pd

    mlflow: Any = importlib.import_module("mlflow")
    manifest, results = store.manifest(), store.folder / "results"
    assert manifest is not None
    try:
        run = _run(where, manifest)
        for name, value in manifest["spec"].items():
            where.log_param(run, name, str(value)[:LONGEST])
        for name, sha256 in manifest["models"].items():
            where.set_tag(run, f"radar.model.{safe(name)}", sha256)
        where.set_tag(run, "radar.versions", str(manifest["versions"]))
        where.set_tag(run, "radar.command", str(manifest.get("command", "")))
        for name, value in _metrics(pd.read_parquet(results / "robustness.parquet")).items():
            where.log_metric(run, name, value)
        where.log_artifacts(run, str(results), "results")
        where.set_terminated(run)
    except (mlflow.MlflowException, OSError) as error:
        raise CannotWrite(
            f"MLflow did not take the results ({first_line(error)}); they are in {results}"
        ) from None
    return run


def _run(where: Any, manifest: dict[str, Any]) -> str:
    """The run of this experiment, found again or new."""
    known = where.get_experiment_by_name(NAME)
    experiment = known.experiment_id if known else where.create_experiment(NAME)
    tag = f"tags.`{KEY}` = '{manifest['key']}'"
    for run in where.search_runs([experiment], filter_string=tag, max_results=1):
        return str(run.info.run_id)
    run = where.create_run(experiment, tags={KEY: manifest["key"]}, run_name=manifest["key"][:12])
    return str(run.info.run_id)


def _metrics(table: DataFrame) -> dict[str, float]:
    """`robust_accuracy/<model>/<attack>/<ε>` and the others; what has no value is left out."""
    return {
        "/".join([name, safe(row["model"]), safe(row["attack"]), safe(row["eps"])]): row[name]
        for row in table.astype({"model": str, "attack": str, "eps": str}).to_dict("records")
        for name in RATES
        if row[name] == row[name]
    }
