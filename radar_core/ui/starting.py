"""What a visitor sees in the first seconds of the server."""

from __future__ import annotations

import streamlit as st

from radar_core.ui import warm
from radar_core.ui.polling import polled


def is_warm(height: int, heading: str = "", said: str = "") -> bool:
    """Whether the methods can be shown; until then a page's outline is, and looks again by itself.

    Args:
        height: of the outline, in pixels.
        heading, said: what stands above it, where the page has not said it yet.
    """
    warmth = warm.progress()
    if warmth.ready.is_set():
        return True

    def outline() -> bool:
        waits = not warmth.ready.is_set()
        if waits:
            if heading:
                st.markdown(f"##### {heading}")
            st.markdown(f":gray[Starting… {warmth.note}. {said}]")
            st.skeleton(height=height)
        return waits

    polled(outline, active=True)
    return False
