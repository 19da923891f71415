"""The command line as its user types it."""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radar_core.cli import main
from radar_core.data.phantom import CLASSES
from radar_core.models.classifier import Classifier
from radar_core.models.store import save_model
from radar_core.models.zoo import build

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def toy(tmp_path_factory) -> str:
    module = build("mobilenet_v3_small", 7, seed=1)
    model = Classifier(module, CLASSES, cam_layer="features", input_size=64, name="toy")
    path = tmp_path_factory.mktemp("models") / "toy.safetensors"
    return str(save_model(model, path, {"architecture": "mobilenet_v3_small"}))


def run(capsys, *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    said = capsys.readouterr()
    return code, said.out, said.err


def test_case_prints_one_json_object_and_writes_pictures(capsys, toy, tmp_path):
    words = ("case", "--image", "3", "--model", toy, "--explain", "gradcam", "--json")
    code, out, _ = run(capsys, *words, "--out", str(tmp_path / "deep" / "folder"))
    assert code == 0
    found = json.loads(out)
    assert found["image"] == "phantom-test-0003"
    assert found["status"] in ("flipped", "held", "already wrong", "no-op")
    assert json.loads((tmp_path / "deep/folder/case.json").read_text())["hashes"] == found["hashes"]
    _, again, _ = run(capsys, *words)
    repeated = json.loads(again)
    for values in (found, repeated):
        values.pop("seconds")
    assert repeated == found


def test_case_says_it_in_words_too(capsys, toy):
    code, out, _ = run(capsys, "case", "--model", toy, "--explain", "none", "--attack", "fgsm")
    assert code == 0
    assert "(synthetic)" in out
    assert "not a medical device" in out


def test_case_takes_an_image_file(capsys, toy, tmp_path):
    file = tmp_path / "lesion.png"
    Image.fromarray(np.full((90, 120, 3), 130, np.uint8)).save(file)
    code, out, _ = run(
        capsys, "case", "--image", str(file), "--model", toy, "--explain", "none", "--json"
    )
    assert code == 0
    assert json.loads(out)["image"] == "lesion.png"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--eps", "abc"], "ε is a number, not 'abc'"),
        (["--eps=-1"], "ε lies between 0 and 1, not -1"),
        (["--eps", "5"], "ε lies between 0 and 1, not 5"),
        (["--attack", "pgdd"], "did you mean 'pgd'"),
        (["--explain", "grad"], "no explainer is called 'grad'"),
        (["--param", "steps"], "NAME=VALUE"),
        (["--param", "steps=0.5"], "steps is a whole number"),
        (["--model", "nobody"], "no model is called 'nobody'"),
        (["--model", "/nowhere/x.safetensors"], "no weights file"),
        (["--data", "/nowhere/at/all"], "/nowhere/at/all"),
        (["--image", "99999"], "no image '99999'"),
        (["--out", "/proc/nowhere"], "cannot be"),
    ],
)
def test_bad_input_gets_one_sentence(capsys, toy, words, says):
    code, out, err = run(capsys, "case", "--model", toy, "--explain", "none", *words)
    assert code == 2
    assert out == ""
    assert says in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n" + bytes(20), b"GIF89a" + bytes(40)]
)
def test_files_that_are_no_images(capsys, toy, tmp_path, content):
    file = tmp_path / "x.png"
    file.write_bytes(content)
    code, _, err = run(capsys, "case", "--image", str(file), "--model", toy, "--explain", "none")
    assert code == 2
    assert err.count("\n") == 1


def test_a_pickle_for_a_model(capsys, tmp_path):
    (tmp_path / "m.safetensors").write_bytes(pickle.dumps({}))
    code, _, err = run(capsys, "case", "--model", str(tmp_path / "m.safetensors"))
    assert code == 2
    assert "pickle" in err


def test_list_names_every_method_with_its_parameters(capsys):
    code, out, _ = run(capsys, "list", "--json")
    found = json.loads(out)
    assert code == 0
    assert {row["id"] for row in found["attacks"]} >= {"fgsm", "pgd"}
    assert {row["id"] for row in found["explainers"]} >= {"gradcam", "shap", "lime"}
    assert {r["id"] for r in found["metrics"]} >= {
        "topk_overlap",
        "spearman",
        "ssim",
        "centre_shift",
    }
    steps = next(r for r in found["attacks"] if r["id"] == "pgd")["parameters"]["steps"]
    assert steps["kind"] == "int"
    assert steps["low"] <= steps["default"] <= steps["high"]
    _, out, _ = run(capsys, "list", "attacks")
    assert re.search(r"^  pgd +", out, re.M)


def test_runs_as_a_module_and_leaves_no_traceback():
    done = subprocess.run(
        [sys.executable, "-m", "radar_core", "case", "--eps", "abc"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": ""},
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("radar: ε is a number")
    assert "Traceback" not in done.stderr


def test_curve_prints_every_epsilon_and_the_smallest_flip(capsys, toy):
    words = ("curve", "--image", "3", "--model", toy, "--explain", "gradcam", "--attack", "fgsm")
    code, out, _ = run(capsys, *words, "--grid", "0,2/255,8/255")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split()[:2] == ["ε", "status"]
    assert "gradcam spearman" in lines[0]
    assert [line.split()[0] for line in lines[1:5]] == ["0/255", "2/255", "4/255", "8/255"]
    assert lines[-1].startswith(("The smallest ε found", "No ε up to"))
    code, out, _ = run(capsys, *words, "--grid", "paper", "--eps", "normalised:0.01", "--json")
    found = json.loads(out)
    assert len(found["frames"]) == 5
    assert found["smallest_flip"]["normalised"]


def test_case_without_an_epsilon_takes_the_attacks_usual_one(capsys, toy):
    words = ("case", "--model", toy, "--explain", "none", "--json", "--attack")
    assert json.loads(run(capsys, *words, "fgsm")[1])["eps"] == "4/255"
    assert json.loads(run(capsys, *words, "jpeg")[1])["eps"] == "own"
    assert run(capsys, *words, "fgsm", "--eps", "own")[2].strip().endswith("such as 4/255")
    aimed = json.loads(run(capsys, *words, "fgsm", "--towards", "nv")[1])
    assert aimed["towards"] == "nv"
    assert "no class 'zebra'" in run(capsys, *words, "fgsm", "--towards", "zebra")[2]
    assert "which class to reach" in run(capsys, *words, "jpeg", "--towards", "nv")[2]


def test_fit_stores_a_pattern_that_case_uses(capsys, toy, tmp_path):
    file = tmp_path / "deep" / "pattern.safetensors"
    code, out, err = run(
        capsys, "fit", "--model", toy, "--images", "7", "--param", "epochs=1", "--out", str(file)
    )
    assert code == 0, err
    assert "of the 7 images it was fitted on" in out
    words = ("case", "--model", toy, "--explain", "none", "--attack", "uap", "--json")
    code, out, err = run(capsys, *words, "--pattern", str(file))
    assert code == 0, err
    assert "fitted on 7 images of the train split" in " ".join(json.loads(out)["notes"])
    code, _, err = run(capsys, *words, "--pattern", str(tmp_path / "none.safetensors"))
    assert code == 2
    assert "no file" in err


def test_sanity_prints_five_lights(capsys, toy):
    words = ("sanity", "--model", toy, "--images", "21", "--grid", "2/255,64/255")
    code, out, err = run(capsys, *words)
    assert code == 0, err
    assert len(re.findall(r": (?:as it should be|doubtful|NOT as it should be)\.", out)) == 5
    assert "of 21 images read right" in out
    assert "95 % interval" in out
