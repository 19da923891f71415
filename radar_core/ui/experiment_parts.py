"""What the views of an experiment share: a choice, a chart, a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from radar_core.ui.text import plain

IMAGES = ("svg", "png")  # what a chart is saved as
LONG = 24  # rows: a longer table scrolls in itself
KEPT: dict[str, Any] = {"persist_state": "session"}


def choice(label: str, options: Sequence[str], name: str, *, last: bool = False) -> str:
    """One of some options, the first or last by default; what is no longer there is forgotten."""
    key = f"experiments.{name}"
    if st.session_state.get(key) not in options:
        st.session_state[key] = options[-1 if last else 0]
    if len(options) == 1:
        return options[0]
    return str(st.selectbox(label, options, key=key, width=320, **KEPT))


def chart(figure: Any, alt: str, key: str) -> None:
    """A figure; under the mouse it has a button that saves it, as the downloads say."""
    form = st.session_state.get("experiments.figures") or IMAGES[0]
    config = {
        "displaylogo": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": form, "filename": f"radar-{key}", "scale": 3},
    }
    st.plotly_chart(figure, config=config, alt=alt, key=f"experiments.chart.{key}")


def show_table(rows: Sequence[Mapping[str, str]], name: str) -> None:
    """A table of texts; a long one scrolls in itself."""
    if len(rows) <= LONG:
        st.table([{k: plain(v) for k, v in row.items()} for row in rows], border="horizontal")
        return
    st.dataframe(
        [dict(row) for row in rows], hide_index=True, key=f"experiments.table.{name}", height=560
    )
