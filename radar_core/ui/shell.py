"""What surrounds every page: title, logo, navigation. Run by Streamlit for each visit."""

from __future__ import annotations

import streamlit as st

from radar_core.settings import ROOT
from radar_core.ui import downloads, warm
from radar_core.ui.places import places

PAGES, ASSETS = ROOT / "pages", ROOT / "assets"

st.set_page_config(
    page_title="RADAR",
    page_icon=str(ASSETS / "icon.svg"),
    layout="wide",
    initial_sidebar_state=288,
    menu_items={
        "Get help": None,
        "Report a bug": None,
        "About": "RADAR: what adversarial attacks do to skin-lesion classifiers, and how "
        "explanations betray them. Research software, not a medical device.",
    },
)
st.logo(str(ASSETS / "logo.svg"), icon_image=str(ASSETS / "icon.svg"), size="large")
downloads.keep_lately()
page = st.navigation(
    [
        st.Page(place.path, title=place.title, icon=place.icon, default=number == 0)
        for number, place in enumerate(places(PAGES))
    ],
    position="sidebar",
)
try:
    page.run()
finally:  # a page may stop or rerun
    warm.start()
