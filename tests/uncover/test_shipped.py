"""Where detectors lie; those in the box belong to their models and have figures."""

from __future__ import annotations

import json

import pytest

from radar_core.detection import DETECTORS
from radar_core.detection.detector import load_detector, load_figures, place_of
from radar_core.models import load_model
from radar_core.settings import ROOT

BOX = ROOT / "assets" / "models"


@pytest.mark.parametrize("path", sorted(BOX.glob("*.detector")), ids=lambda path: path.stem)
def test_it_belongs_to_its_model_and_says_how_good_it_is(path):
    detector = load_detector(path)
    detector.check(load_model(path.stem))
    assert set(detector.states) == set(DETECTORS)
    assert "/" not in json.dumps(detector.about["data"])
    assert detector.about["calibrated_on"] >= 100
    figures = load_figures(path, detector)
    assert figures is not None, "figures of this very detector"
    together = [row for row in figures["detection"] if row["detector"] == "combined"]
    assert {"fgsm", "pgd", "deepfool", "cw"} <= {row["attack"] for row in together}
    assert path.stat().st_size < 8e6


def test_the_default_has_one():
    assert (BOX / "phantom.detector").is_file()


def test_a_detector_lies_beside_its_model(tmp_path, monkeypatch):
    assert place_of(str(tmp_path / "mine.safetensors")) == tmp_path / "mine.detector"
    monkeypatch.setenv("RADAR_MODELS", str(tmp_path))
    assert place_of("mine", write=True) == tmp_path / "mine.detector"
