"""How well a classifier reads a labelled data set: figures, confusions, curves, calibration."""

import streamlit as st

from radar_core.ui.evaluate_body import evaluate
from radar_core.ui.starting import is_warm

PAGE = {"title": "Evaluate", "icon": ":material/monitoring:", "order": 30}
st.set_page_config(page_title="Evaluate · RADAR")
st.title("How well does the model read?", anchor=False)
st.markdown(
    "Before anything is attacked: every labelled image of a split is read, and each figure comes "
    "with the interval that so many images allow."
)
if is_warm(height=400):
    evaluate()
