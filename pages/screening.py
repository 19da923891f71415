"""Screening: is one image suspicious, without a clean twin beside it?"""

import streamlit as st

from radar_core.ui.screening_body import screening
from radar_core.ui.starting import is_warm

PAGE = {"title": "Screening", "icon": ":material/policy:", "order": 22}
st.set_page_config(page_title="Screening · RADAR")
st.title("Is this image suspicious?", anchor=False)
st.markdown(
    "No clean twin is needed: the image is held against benign variants of itself and against "
    "clean images of its kind."
)
if is_warm(height=400):
    screening()
