"""Names that come from data, as text that Markdown shows unchanged."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from radar_core.wording import sentence

__all__ = ["data_title", "plain", "quiet", "sentence"]

_SPECIAL = frozenset("\\`*_{}[]<>()#+-!|~:$&@/")


def plain(text: str) -> str:
    """A text none of whose characters means anything to Markdown; line breaks become spaces."""
    return "".join(f"\\{c}" if c in _SPECIAL else c for c in " ".join(text.split()))


def quiet(text: str) -> None:
    """A line in small grey type, of a contrast that can be read in either theme."""
    st.markdown(f":small[:gray[{text}]]")


def data_title(name: str) -> str:
    """A data set as a control lists it: a path by its last part."""
    return "Phantom (synthetic)" if name == "phantom" else Path(name).name or name
