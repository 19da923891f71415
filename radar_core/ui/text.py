"""Names that come from data, as text that Markdown shows unchanged."""

from __future__ import annotations

import streamlit as st

_SPECIAL = frozenset("\\`*_{}[]<>()#+-!|~:$&@/")


def plain(text: str) -> str:
    """A text none of whose characters means anything to Markdown; line breaks become spaces."""
    return "".join(f"\\{c}" if c in _SPECIAL else c for c in " ".join(text.split()))


def sentence(text: str) -> str:
    """An error's words as a sentence: a capital first letter (a symbol such as ε stays), a stop."""
    text = text.strip()
    end = "" if text.endswith((".", "!", "?")) else "."
    first = text[:1].upper() if text[:1].isascii() else text[:1]
    return f"{first}{text[1:]}{end}"


def quiet(text: str) -> None:
    """A line in small grey type, of a contrast that can be read in either theme."""
    st.markdown(f":small[:gray[{text}]]")
