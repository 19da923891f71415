"""Which of the two was attacked? A small study with readers, its answers kept as a table."""

import streamlit as st

from radar_core.ui.reader_body import reader_study
from radar_core.ui.starting import is_warm

PAGE = {"title": "Reader study", "icon": ":material/visibility:", "order": 35}
st.set_page_config(page_title="Reader study · RADAR")
if is_warm(560, "Which of the two was attacked?"):
    reader_study()
