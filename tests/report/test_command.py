"""The command that writes a report, as its user types it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from radar_core.case import CaseSpec
from radar_core.cli import main
from radar_core.data.phantom import CLASSES
from radar_core.models.store import save_model
from tests.report.conftest import classifier, words

QUICK = ("--image", "3", "--attack", "fgsm", "--eps", "4/255", "--explain", "saliency")


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("models") / "toy.safetensors"
    card = {"architecture": "mobilenet_v3_small", "title": "Toy"}
    return str(save_model(classifier(CLASSES), path, card))


def written(folder: Path) -> dict[str, Path]:
    return {path.suffix: path for path in folder.iterdir()}


def test_three_files_with_floor_and_curve(toy, tmp_path, capsys):
    out = tmp_path / "deep" / "out"
    grid = ("--grid", "0,2/255,4/255")
    assert main(["report", *QUICK, "--model", toy, "--out", str(out), *grid]) == 0
    files = written(out)
    assert set(files) == {".pdf", ".html", ".json"}
    found = json.loads(files[".json"].read_text("utf-8"))
    assert found["floor"]["controls"] == 20
    assert [frame["eps"] for frame in found["curve"]["frames"]] == ["0/255", "2/255", "4/255"]
    assert found["case"]["image"] == "phantom-test-0003"
    assert found["verdict"] in capsys.readouterr().out
    assert "percentile" in words(files[".pdf"].read_bytes())
    assert "<!doctype html>" in files[".html"].read_text("utf-8")


def test_floor_and_curve_can_be_left_out(toy, tmp_path):
    words = ["report", *QUICK, "--model", toy, "--no-floor", "--no-curve", "--out", str(tmp_path)]
    assert main(words) == 0
    found = json.loads(written(tmp_path)[".json"].read_text("utf-8"))
    assert found["floor"] is None
    assert found["curve"] is None


@pytest.mark.parametrize(
    ("attack", "eps"), [("rotation", "own"), ("fgsm", "0")], ids=["no axis", "no change"]
)
def test_where_there_is_no_axis_or_no_change(toy, tmp_path, attack, eps):
    words = ["report", "--model", toy, "--attack", attack, "--eps", eps, "--explain", "none"]
    assert main([*words, "--grid", "0,1/255", "--out", str(tmp_path)]) == 0
    found = json.loads(written(tmp_path)[".json"].read_text("utf-8"))
    assert found["floor"] is None
    assert (found["curve"] is None) == (attack == "rotation")


def test_the_command_that_a_report_names_runs(toy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spec = CaseSpec(image="3", model=toy, attack="fgsm", explainers=("saliency",), seed=2)
    line = shlex.split(spec.report_command(floor=False, curve=False))
    assert line[:3] == ["python", "-m", "radar_core"]
    assert main(line[3:]) == 0
    found = json.loads(written(tmp_path / "report")[".json"].read_text("utf-8"))
    assert found["case"]["hashes"]["spec"] == spec.key()


def test_a_mistake_is_one_sentence(toy, tmp_path, capsys):
    assert main(["report", *QUICK, "--model", toy, "--controls", "0", "--out", str(tmp_path)]) == 2
    assert "between 1 and 1000" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
