"""The raw values of a case, for those who go on with them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from radar_core.case import export
from radar_core.ui.text import quiet

if TYPE_CHECKING:
    from radar_core.case import CaseResult

FORMATS: dict[str, tuple[str, str, Callable[[CaseResult], str | bytes]]] = {
    "npz": ("Arrays as NPZ", "application/octet-stream", export.arrays),
    "zip": ("Pictures as PNG", "application/zip", export.pictures),
    "csv": ("Table as CSV", "text/csv", export.table),
}


def export_section(result: CaseResult) -> None:
    """Three buttons; each file is made when its button is pressed, outside of the page's run."""
    if result.attack is None:
        return
    st.markdown("###### Raw values")
    quiet(
        "Images in \\[0, 1\\], their difference, every map unscaled, every mask; the same as "
        "lossless pictures; readings, distances and metrics, a row each with its unit."
    )
    with st.container(horizontal=True, gap="small"):
        for ending, (label, kind, make) in FORMATS.items():
            st.download_button(
                label,
                partial(make, result),
                f"radar-case-{result.spec.key()[:8]}.{ending}",
                kind,
                key=f"export.{ending}",
                icon=":material/download:",
                on_click="ignore",
            )
