"""The registered methods: what each does, its parameters, and where it was published."""

import streamlit as st

from radar_core.ui.method_list import method_list
from radar_core.ui.starting import is_warm

PAGE = {"title": "Methods", "icon": ":material/menu_book:", "order": 90}
st.set_page_config(page_title="Methods · RADAR")
st.title("Methods", anchor=False)
st.markdown(
    "Everything this installation can compute. The same list comes from "
    "`python -m radar_core list`; a new method is one new file (see `CONTRIBUTING.md`)."
)
if is_warm(height=400):
    method_list()
