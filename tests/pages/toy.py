"""A small untrained model for tests of the pages."""

from __future__ import annotations

from pathlib import Path

from radar_core.data.phantom import CLASSES
from radar_core.models import Classifier, save_model
from radar_core.models.zoo import build

SIDE = 64


def write_toy_model(
    folder: Path,
    name: str = "toy",
    cam_layer: str = "features",
    trained_on: str = "phantom",
    seed: int = 0,
) -> None:
    """A seeded, untrained network of the zoo: quick, and deterministic.

    Args:
        cam_layer: `classifier` has no map for Grad-CAM to look at.
    """
    module = build("mobilenet_v3_small", len(CLASSES), seed=seed)
    model = Classifier(module.eval(), CLASSES, cam_layer=cam_layer, input_size=SIDE, name=name)
    card = {
        "architecture": "mobilenet_v3_small",
        "title": name.capitalize(),
        "trained_on": trained_on,
    }
    save_model(model, folder / f"{name}.safetensors", card)
