"""Models from elsewhere: what a file holds, what can be guessed, and its way into the list."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from radar_core.adoption.found import Found, inspect_checkpoint
    from radar_core.adoption.taking import Adopted, adopt

_HOMES = {
    "Adopted": "radar_core.adoption.taking",
    "Found": "radar_core.adoption.found",
    "adopt": "radar_core.adoption.taking",
    "inspect_checkpoint": "radar_core.adoption.found",
}

__all__ = ["Adopted", "Found", "adopt", "inspect_checkpoint"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'radar_core.adoption' has no attribute {name!r}")
