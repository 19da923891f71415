"""RADAR: what an attack does to a medical-image classifier, and how explanations betray it.

`import radar_core` is light; torch is loaded by the first call that needs it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from radar_core.api import (
        after_saving,
        attack,
        attack_grid,
        benign_controls,
        compare,
        explain,
        fit,
        localise,
        smallest_flip,
    )
    from radar_core.attacks.pattern import load_pattern
    from radar_core.data import open_data
    from radar_core.evaluation import evaluate
    from radar_core.floor import place
    from radar_core.models import Classifier, load_model

_HOMES = {
    "attack": "radar_core.api",
    "attack_grid": "radar_core.api",
    "explain": "radar_core.api",
    "compare": "radar_core.api",
    "benign_controls": "radar_core.api",
    "fit": "radar_core.api",
    "localise": "radar_core.api",
    "place": "radar_core.floor",
    "after_saving": "radar_core.api",
    "smallest_flip": "radar_core.api",
    "load_pattern": "radar_core.attacks.pattern",
    "open_data": "radar_core.data",
    "evaluate": "radar_core.evaluation",
    "load_model": "radar_core.models",
    "Classifier": "radar_core.models",
}

__all__ = [
    "Classifier",
    "__version__",
    "after_saving",
    "attack",
    "attack_grid",
    "benign_controls",
    "compare",
    "evaluate",
    "explain",
    "fit",
    "load_model",
    "load_pattern",
    "localise",
    "open_data",
    "place",
    "smallest_flip",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'radar_core' has no attribute {name!r}")
