"""A part of a page that looks again and again while something is under way."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import streamlit as st

EVERY = 0.4
SELDOM = 1.2  # of what is filled in below the pictures while somebody looks at these


def polled(body: Callable[[], bool], *, active: bool, every: float = EVERY) -> None:
    """Show a part of the page; while `active`, show it again every 0.4 s without the rest.

    Args:
        body: shows the part and says whether it is still active. When that is not what was
            announced, the whole page runs again, and polling starts or ends with it.
        every: seconds between two looks, of what moves slowly.
    """

    @st.fragment(run_every=every if active else None)
    def part() -> None:
        if body() != active:
            st.rerun()

    part()


def visitor() -> str:
    """This session, as an owner of jobs."""
    if "visitor" not in st.session_state:
        st.session_state["visitor"] = uuid.uuid4().hex
    return str(st.session_state["visitor"])
