"""A case as what the viewer shows: pictures, words and numbers as one blob. No Streamlit."""
