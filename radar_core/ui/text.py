"""Names that come from data, as text that Markdown shows unchanged."""

from __future__ import annotations

_SPECIAL = frozenset("\\`*_{}[]<>()#+-.!|~:$&@/")


def plain(text: str) -> str:
    """A text none of whose characters means anything to Markdown; line breaks become spaces."""
    return "".join(f"\\{c}" if c in _SPECIAL else c for c in " ".join(text.split()))
