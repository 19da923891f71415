"""Training a classifier on the data offered: what, how, how far it is, how well it does."""

import streamlit as st

from radar_core.ui.starting import is_warm
from radar_core.ui.train_body import train

PAGE = {"title": "Train", "icon": ":material/model_training:", "order": 25}
st.set_page_config(page_title="Train · RADAR")
st.title("Train a model", anchor=False)
st.markdown(
    "It runs in a process of its own: leave the page, close the browser, stop the server; it goes "
    "on. What it has learned is kept when it is stopped."
)
if is_warm(height=400):
    train()
