"""Embedding: the penultimate features of clean and attacked images in one plane."""

import streamlit as st

from radar_core.ui.embedding_body import embedding
from radar_core.ui.starting import is_warm
from radar_core.ui.text import quiet

PAGE = {"title": "Embedding", "icon": ":material/scatter_plot:", "order": 33}
st.set_page_config(page_title="Embedding · RADAR")
st.title("Where does an attack move an image?", anchor=False)
st.markdown(
    "Each point is what the model's last layer is given of an image, clean or attacked, laid out "
    "in one plane; an arrow leads from the clean image to the attacked one."
)
if is_warm(height=400):
    embedding()
    quiet("Research software, not a medical device.")
