"""The colours of charts, as the theme of this visitor has them."""

from __future__ import annotations

import streamlit as st


def palette() -> list[str]:
    """One colour a series: of clean, of attacked, then the others; perceptible in either theme."""
    kind = st.context.theme.type or "light"
    return list(st.get_option(f"theme.{kind}.chartCategoricalColors"))


def ground() -> str:
    """The colour that charts stand on, as the theme of this visitor has it."""
    kind = st.context.theme.type or "light"
    return str(st.get_option(f"theme.{kind}.backgroundColor"))
