"""Whether attacks on a model can be trusted: the sanity lights, on a data set."""

import streamlit as st

from radar_core.ui.sanity_body import sanity
from radar_core.ui.starting import is_warm

PAGE = {"title": "Checks", "icon": ":material/fact_check:", "order": 40}
st.set_page_config(page_title="Checks · RADAR")
st.title("Can these attacks be trusted?", anchor=False)
st.markdown(
    "An attack that fails may be a bad attack, not a robust model. Five things must hold wherever "
    "attacks work; where one does not, a high robust accuracy means nothing."
)
if is_warm(height=400):
    sanity()
