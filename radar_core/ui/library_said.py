"""What the parts of the page Library share: what was just done, what is asked first, headings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal

import streamlit as st

from radar_core.errors import RadarError
from radar_core.ui import first_look
from radar_core.ui.compute import reopen
from radar_core.ui.jobs import device_jobs, picture_jobs
from radar_core.ui.library_jobs import for_the_page
from radar_core.ui.text import plain, sentence

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

SAID, SURE = "library.said", "library.sure"
Where = Literal["data", "add", "fetch", "models", "model"]


def say(where: Where, text: str, *, bad: bool = False) -> None:
    """Note what was done, or why not, for the next look at that part of the page."""
    st.session_state[SAID] = (where, text, bad)


def said(where: Where) -> None:
    """Show what was noted for this part, until something else is done."""
    noted = st.session_state.get(SAID)
    if noted is None or noted[0] != where:
        return
    text = plain(sentence(for_the_page(noted[1])))
    if noted[2]:
        st.error(text, icon=":material/error:")
    else:
        st.success(text, icon=":material/check:")


def act(where: Where, does: Callable[..., str], *arguments: Any) -> None:
    """Do something and note what it says, or its error; what was asked before is over."""
    st.session_state.pop(SURE, None)
    try:
        say(where, does(*arguments))
    except RadarError as error:
        say(where, str(error), bad=True)


def ask(key: str | None) -> None:
    """Ask whether a thing is really to be removed; None: it is to stay."""
    if key is None:
        st.session_state.pop(SURE, None)
    else:
        st.session_state[SURE] = key
    st.session_state.pop(SAID, None)


def removal(
    key: str, question: str, where: Where, does: Callable[..., str], *arguments: Any
) -> None:
    """While it is asked: the question, and a button for each answer."""
    if st.session_state.get(SURE) != key:
        return
    st.markdown(question)
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Remove it",
            icon=":material/delete:",
            key=f"{key}.yes",
            on_click=act,
            args=(where, does, *arguments),
        )
        st.button("Keep it", key=f"{key}.no", on_click=ask, args=(None,))


def changed() -> None:
    """A name may mean other images or another network now: nothing kept under it holds."""
    reopen()
    first_look.forget()
    device_jobs().forget_finished()
    picture_jobs().forget_finished()


def cards(count: int) -> Iterator[DeltaGenerator]:
    """A place for each card, two a row."""
    for start in range(0, count, 2):
        yield from st.columns(2)[: count - start]


def heading(title: str, *, licence: str = "", synthetic: bool = False) -> None:
    """The first line of a card."""
    badges = " :blue-badge[Synthetic]" if synthetic else ""
    if licence:
        badges += f" :gray-badge[{plain(licence.partition(' (')[0])}]"
    st.markdown(f"##### {plain(title)}{badges}")
