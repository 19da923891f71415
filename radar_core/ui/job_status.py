"""How far a job is, in one line, with the button that stops it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from radar_core.ui.jobs import Job
from radar_core.ui.text import plain, quiet, sentence


def job_status(job: Job | None, *, key: str, stop: Callable[[], None]) -> bool:
    """Show how far a job is, or why it failed.

    Args:
        job: None once it was stopped.
        key: of the button.
        stop: called by it.

    Returns:
        Whether more is to come.
    """
    if job is None:
        quiet("Stopped.")
        return False
    if job.state == "failed":
        st.error(plain(sentence(job.error)), icon=":material/error:")
    elif job.active:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            note = "waiting for another computation" if job.state == "waiting" else job.note
            st.progress(job.fraction, text=f"{job.fraction:.0%} · {plain(note)}")
            st.button("Stop", key=key, type="tertiary", on_click=stop)
    return job.active
