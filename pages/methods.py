"""The registered methods: what each does, its parameters, and where it was published."""

import streamlit as st

from radar_core.ui import warm
from radar_core.ui.method_list import method_list
from radar_core.ui.polling import polled

PAGE = {"title": "Methods", "icon": ":material/menu_book:", "order": 90}
st.set_page_config(page_title="Methods · RADAR")
st.title("Methods", anchor=False)
st.markdown(
    "Everything this installation can compute. The same list comes from "
    "`python -m radar_core list`; a new method is one new file (see `CONTRIBUTING.md`)."
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
    method_list()
else:
    polled(starting, active=True)
