"""The panel viewer as a Streamlit component: it is given a blob, see `radar_core.view.blob`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from radar_core.settings import ROOT

COMPONENTS = ROOT / "assets" / "components"


PANELS = ("zoom", "paint", "bars", "scrub", "swipe", "tile", "panels")


def component(name: str, *parts: str) -> Callable[..., Any]:
    """A component of `assets/components`: what all share, its further parts, then itself."""

    def joined(ending: str) -> str:
        files = (COMPONENTS / f"{part}.{ending}" for part in ("base", *parts, name))
        return "\n".join(file.read_text(encoding="utf-8") for file in files if file.is_file())

    mount: Callable[..., Any] = st.components.v2.component(
        f"radar_{name}", css=joined("css"), js=joined("js")
    )
    return mount


_mount = component("viewer", *PANELS)


def viewer(blob: bytes, *, key: str, on_epsilon: Callable[[], None] | None = None) -> bool:
    """Show a blob; a later one under the same key replaces it in place.

    Args:
        on_epsilon: called when the ε slider comes to rest; `st.session_state[key].eps` says where.

    Returns:
        Whether it did so in this run.
    """
    found = _mount(key=key, data=blob, on_eps_change=on_epsilon or (lambda: None))
    return found.eps is not None
