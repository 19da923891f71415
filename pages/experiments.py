"""Experiments: models × attacks × ε × explainers over many images; started, watched, read."""

import streamlit as st

from radar_core.ui.experiment_body import experiments
from radar_core.ui.starting import is_warm

PAGE = {"title": "Experiments", "icon": ":material/science:", "order": 32}
st.set_page_config(page_title="Experiments · RADAR")
st.title("How easily is it turned, and do explanations show it?", anchor=False)
st.markdown(
    "Models × attacks × ε × explainers over many images. It runs in a process of its own: leave "
    "the page, close the browser, stop the server; it goes on."
)
if is_warm(height=400):
    experiments()
