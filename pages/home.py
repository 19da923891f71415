"""placeholder while the case page is made."""

import streamlit as st

st.title("RADAR")
