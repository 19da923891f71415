"""Classifiers: what they are (`classifier`), how they are built (`zoo`) and kept (`store`)."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from radar_core.models.classifier import Classifier
    from radar_core.models.store import list_models, load_model, save_model

_HOMES = {
    "Classifier": "radar_core.models.classifier",
    "list_models": "radar_core.models.store",
    "load_model": "radar_core.models.store",
    "save_model": "radar_core.models.store",
}

__all__ = ["Classifier", "list_models", "load_model", "save_model"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'radar_core.models' has no attribute {name!r}")
