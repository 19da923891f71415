"""All images of a data set: what is read in each, how little turns it, how far its map stays."""

import streamlit as st

from radar_core.ui.gallery_body import gallery
from radar_core.ui.starting import is_warm

PAGE = {"title": "Gallery", "icon": ":material/photo_library:", "order": 21}
st.set_page_config(page_title="Gallery · RADAR")
st.title("Which images are easily turned?", anchor=False)
if is_warm(height=600):
    gallery()
