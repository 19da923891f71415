"""Whether attacks on a model can be trusted: the sanity lights, on a data set."""

import streamlit as st

from radar_core.ui import warm
from radar_core.ui.polling import polled
from radar_core.ui.sanity_body import sanity

PAGE = {"title": "Checks", "icon": ":material/fact_check:", "order": 40}
st.set_page_config(page_title="Checks · RADAR")
st.title("Can these attacks be trusted?", anchor=False)
st.markdown(
    "An attack that fails may be a bad attack, not a robust model. Five things must hold wherever "
    "attacks work; where one does not, a high robust accuracy means nothing."
)
warmth = warm.progress()


def starting() -> bool:
    """What a visitor sees in the first seconds of the server."""
    waits = not warmth.ready.is_set()
    if waits:
        st.markdown(f":gray[Starting… {warmth.note}.]")
        st.skeleton(height=400)
    return waits


if warmth.ready.is_set():
    sanity()
else:
    polled(starting, active=True)
