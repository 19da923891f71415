"""A part of a page that looks again and again while something is under way."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import streamlit as st

EVERY = 0.4
SELDOM = 1.2  # of what is filled in below the pictures while somebody looks at these
PATIENCE = 6.0  # with a browser that does not say that it has drawn
DRAWN = "pictures drawn"


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


def pictures_first() -> bool:
    """Whether what stands below the pictures has to wait for them, once a visit.

    Charts and highlighted code cost a browser seconds when it first meets them. The viewer says
    when it has drawn; where none is heard of, the rest is shown after `PATIENCE`.
    """
    if is_drawn():
        return False
    looks = iter((True, False))

    def wait() -> bool:
        if not is_drawn() and next(looks, False):
            st.skeleton(height=320)
            return True
        drawn()
        return False

    polled(wait, active=True, every=PATIENCE)
    return True


def drawn() -> None:
    """The first pictures of this visit are there."""
    st.session_state[DRAWN] = True


def is_drawn() -> bool:
    """Whether a browser of this visit has had the time to draw its first pictures."""
    return bool(st.session_state.get(DRAWN))


def visitor() -> str:
    """This session, as an owner of jobs."""
    if "visitor" not in st.session_state:
        st.session_state["visitor"] = uuid.uuid4().hex
    return str(st.session_state["visitor"])
