"""Many images of a data set, screened: a table, the most suspicious first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import streamlit as st

from radar_core.ui.job_status import job_status
from radar_core.ui.jobs import BACKGROUND, device_jobs
from radar_core.ui.method_controls import KEPT
from radar_core.ui.polling import SELDOM, polled, visitor
from radar_core.ui.screening_jobs import Row, set_steps
from radar_core.ui.text import data_title, plain, quiet

if TYPE_CHECKING:
    from pandas import DataFrame

SLOT, ASKED = "screening.set", "screening.set.asked"
COUNTS = (12, 24, 48, 96, 192)
OPEN = "screening.open"  # the image that a row was clicked for


def many(data: str, model: str, made: int) -> None:
    """The section below a screening.

    Args:
        made: tells one detector of the model from the next.
    """
    with st.expander(f"Screen many images of {plain(data_title(data))}", icon=":material/table:"):
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            count = st.selectbox("Images, classes in turn", COUNTS, key="screening.count", **KEPT)
            key = f"screening set/{data}/{model}/{made}/{count}"
            if st.button("Screen them", key="screening.many"):
                device_jobs().forget(key)
                st.session_state[ASKED] = key
                device_jobs().submit(
                    key,
                    set_steps(data, int(count), model),
                    owner=visitor(),
                    slot=SLOT,
                    priority=BACKGROUND,
                    lasting=True,
                )
        job = device_jobs().get(key, visitor())
        if job is not None:
            polled(lambda: _show(key), active=job.active, every=SELDOM)


def _show(key: str) -> bool:
    def stop() -> None:
        device_jobs().release(visitor(), SLOT)

    job = device_jobs().get(key, visitor())
    active = job_status(job, key=f"{SLOT}.stop", stop=stop)
    if job is None or not job.value:
        return active
    table = _table(cast("tuple[Row, ...]", job.value))
    unusual = int((table["Verdict"] == "unusual").sum())
    st.markdown(f"{unusual} of {len(table)} are unusual; of clean images, about 1 in 20 is.")
    chosen = st.dataframe(
        table,
        hide_index=True,
        on_select="rerun" if not active else "ignore",
        selection_mode="single-row",
        key="screening.rows",
        column_config={
            "Suspicion": st.column_config.ProgressColumn(
                format="%.0f %%",
                min_value=0,
                max_value=100,
                help="The share of clean images that are less suspicious.",
            ),
            "Probability": st.column_config.NumberColumn(format="percent"),
        },
    )
    if not active:
        quiet("A click on a row shows that image above.")
        st.download_button(
            "Download as CSV",
            lambda: table.to_csv(index=False),
            "radar-screening.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
            key="screening.csv",
        )
        rows = cast("dict[str, Any]", chosen).get("selection", {}).get("rows", [])
        if rows:
            _open(str(table["Image"].iloc[rows[0]]))
    return active


def _open(id: str) -> None:
    """Show an image of the table, once: afterwards another one may be chosen above."""
    if st.session_state.get(OPEN) != id:
        st.session_state[OPEN] = id
        st.session_state["screening.wanted"] = id
        st.rerun()


def _table(rows: tuple[Row, ...]) -> DataFrame:
    import pandas as pd

    found = pd.DataFrame(
        {
            "Image": [row.id for row in rows],
            "Suspicion": [row.percentile for row in rows],
            "Verdict": [row.verdict or f"cannot be read: {row.why}" for row in rows],
            "Reads": [row.reading for row in rows],
            "Probability": [row.probability for row in rows],
            "True class": [row.label for row in rows],
            "Driven by": [row.drivers for row in rows],
        }
    )
    return found.sort_values("Suspicion", ascending=False, kind="stable")
