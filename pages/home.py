"""What RADAR is, in one picture, and for whom."""

import streamlit as st

from radar_core.settings import ROOT

PAGE = {"title": "Home", "icon": ":material/home:", "order": 10}

FOR = {
    "Clinicians": (
        ":material/stethoscope:",
        "See how a change too small to notice turns one reading into another. "
        "See where the classifier looked before and after, beside the lesion itself. "
        "Learn when a heat map is worth trusting, and when it is not.",
        ("case", "Look at a case", {"view": "look"}),
    ),
    "Researchers": (
        ":material/science:",
        "Run published attacks and explanations, paired and seeded, on your own model and images. "
        "Every number states its method, its bounds and what it cost. "
        "The page, the command line and Python give the same numbers, and a link repeats them.",
        ("case", "Tune a case", {}),
    ),
    "Presenters": (
        ":material/co_present:",
        "Show a story of cases on the whole screen, with no patient's picture in it. "
        "By keyboard alone: each step is computed ahead, ε grows before your audience's eyes, and "
        "no network is needed.",
        ("present", "Present a story", {}),
    ),
}

st.set_page_config(page_title="RADAR")
st.title("How attacks mislead a skin-lesion classifier, and how they show", anchor=False)
st.markdown(
    "RADAR changes an image by less than the eye sees, reads it again, and lays the explanations "
    "of both readings side by side."
)
st.image(
    str(ROOT / "assets" / "home.svg"),
    width="stretch",
    alt="A lesion of the phantom is read as melanoma. A perturbation too small to see turns the "
    "reading into naevus, and the Grad-CAM map moves.",
)
if st.button("**Open a case**", icon=":material/arrow_forward:"):
    st.switch_page(ROOT / "pages" / "case.py")
for column, (who, (icon, text, door)) in zip(st.columns(3, gap="medium"), FOR.items(), strict=True):
    column.markdown(f"##### {icon} {who}")
    column.markdown(text)
    page, label, query = door
    column.page_link(
        ROOT / "pages" / f"{page}.py",
        label=f"**{label}**",
        icon=":material/arrow_forward:",
        query_params=query,
    )
st.markdown(
    ":small[:gray[Research software, not a medical device. The built-in images are synthetic. "
    "After RADAR-MIX, E. J. de Aguiar, C. Traina Jr., A. J. M. Traina, IEEE CBMS 2024.]]"
)
