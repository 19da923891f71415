"""The models that are shipped: small enough, licensed, measured, and what their cards say."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from radar_core.models import load_model
from radar_core.settings import ROOT

BOX = [
    path.with_suffix(".json") for path in sorted((ROOT / "assets" / "models").glob("*.safetensors"))
]
MOST = 25 * 2**20  # bytes


@pytest.mark.parametrize("card", BOX, ids=lambda path: path.stem)
def test_a_shipped_model_is_what_its_card_says(card: Path):
    said = json.loads(card.read_text(encoding="utf-8"))
    weights = card.with_suffix(".safetensors")
    assert weights.stat().st_size <= MOST
    assert said["sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert said["licence"]
    assert said["recipe"]["command"].startswith("python -m radar_core train ")
    for name in ("accuracy", "balanced_accuracy", "auc", "f1", "ece"):
        low, high = said["figures"]["test"][name]["interval"]
        assert low <= said["figures"]["test"][name]["value"] <= high
    model = load_model(card.stem)
    assert model.class_names == tuple(said["class_names"])


@pytest.mark.parametrize(
    "card",
    [*BOX, *(path.with_suffix(".detection.json") for path in BOX)],
    ids=lambda path: path.stem,
)
def test_no_path_of_whoever_trained_it_is_told(card: Path):
    text = card.read_text(encoding="utf-8")
    assert "/work/" not in text
    assert "/home/" not in text
    assert "/tmp/" not in text
