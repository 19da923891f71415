"""The files that the components of `assets/components` are made of."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from radar_core.settings import ROOT

FOLDER = ROOT / "assets" / "components"
BASE = "base"  # what all share
PANELS = ("zoom", "paint", "bars", "scrub", "swipe", "tile", "panels")


@cache
def _read(name: str) -> str:
    path = FOLDER / name
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def joined(names: Iterable[str], ending: str) -> str:
    """Those of some parts that there are, one after the other."""
    return "\n".join(text for name in names if (text := _read(f"{name}.{ending}")))
