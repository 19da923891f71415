"""`adopt` as its user types it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import torch
import torchvision

from radar_core.cli import main


@pytest.fixture
def saved(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("RADAR_MODELS", str(tmp_path / "models"))
    module = torchvision.models.mobilenet_v3_small(num_classes=7)
    torch.save(module.state_dict(), tmp_path / "my net.pth")
    return tmp_path / "my net.pth"


def run(capsys, *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    said = capsys.readouterr()
    return code, said.out, said.err


def test_says_what_it_found_writes_and_names_the_next_command(capsys, saved, tmp_path):
    words = ["adopt", str(saved), "--classes-from", "phantom", "--size", "64", "--licence", "MIT"]
    code, out, _ = run(capsys, *words, "--mean", "0.5,0.5,0.5", "--trained-on", "phantom")
    assert code == 0
    assert "architecture  mobilenet_v3_small  (by names and shapes of its tensors)" in out
    assert "mean          0.5, 0.5, 0.5  (as you say)" in out
    assert "image size    64 px  (as you say)" in out
    card = json.loads((tmp_path / "models" / "my-net.json").read_text())
    assert (card["licence"], card["input_size"]) == ("MIT", 64)
    following = out.splitlines()[-1].removeprefix("next: python -m radar_core ").split()
    code, out, _ = run(capsys, *following)
    assert code == 0
    assert "Grad-CAM" in out


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_asks_a_person_for_what_the_file_does_not_say(capsys, saved, monkeypatch):
    monkeypatch.setattr("sys.stdin", Terminal("a, b, c, d, e, f, g\n"))
    code, out, _ = run(capsys, "adopt", str(saved), "--name", "asked", "--size", "64")
    assert code == 0
    assert "The 7 class names" in out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "does not say its class names; give --classes a,b,… or --classes-from DATA"),
        (["--classes", "a,b"], "7 logits"),
        (["--classes", "a,b", "--mean", "1,2"], "--mean is three numbers"),
        (["--size", "5"], "--size is 16 to 2048"),
        (["--arch", "resnet"], "the nearest: "),
    ],
)
def test_one_sentence_on_what_cannot_be(capsys, saved, monkeypatch, words, says):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    code, _, err = run(capsys, "adopt", str(saved), *words)
    assert code == 2
    assert says in err
    assert len(err.splitlines()) == 1
