"""What there is to work with: data sets and models, their cards, what fits what, adding more."""

import streamlit as st

from radar_core.ui.library_body import library
from radar_core.ui.starting import is_warm

PAGE = {"title": "Library", "icon": ":material/inventory_2:", "order": 24}
st.set_page_config(page_title="Library · RADAR")
st.title("Data sets and models", anchor=False)
st.markdown(
    "What can be opened here, what fits what, and how to add your own. Images and models stay on "
    "this machine."
)
if is_warm(height=400):
    library()
