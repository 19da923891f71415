"""A prepared story, full screen and by keyboard, for showing in front of people."""

import streamlit as st

from radar_core.ui.present_body import present
from radar_core.ui.starting import is_warm

PAGE = {"title": "Present", "icon": ":material/present_to_all:", "order": 23}
st.set_page_config(page_title="Present · RADAR")
if is_warm(560, "Present"):
    present()
