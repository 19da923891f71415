"""The panel viewer as a Streamlit component: it is given a blob, see `radar_core.view.blob`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from radar_core.ui.component_files import BASE, PANELS, joined
from radar_core.ui.polling import drawn, is_drawn


def component(name: str, *parts: str) -> Callable[..., Any]:
    """A component of `assets/components`: what all share, its further parts, then itself."""

    files = (BASE, *parts, name)
    mount: Callable[..., Any] = st.components.v2.component(
        f"radar_{name}", css=joined(files, "css"), js=joined(files, "js")
    )
    return mount


_mount = component("viewer", *PANELS)


def viewer(blob: bytes, *, key: str, on_epsilon: Callable[[], None] | None = None) -> bool:
    """Show a blob; a later one under the same key replaces it in place.

    Args:
        on_epsilon: called when the ε slider comes to rest; `st.session_state[key].eps` says where.

    Returns:
        Whether the whole page has to run again: the slider came to rest, or the pictures that the
        rest of the page waits for are there.
    """
    on = {"on_eps_change": on_epsilon or _heard, "on_drawn_change": _heard}
    found = _mount(key=key, data=blob, **on)
    if found.drawn is not None and not is_drawn():
        drawn()
        return True
    return found.eps is not None


def _heard() -> None:
    """Streamlit makes an attribute of what a component may say for each that has a callback."""
