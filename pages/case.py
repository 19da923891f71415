"""One case: an image, an attack, and what it does to the reading and to its explanations."""

import streamlit as st

from radar_core.ui import link, warm
from radar_core.ui.case_body import NOT_A_DEVICE, body, header
from radar_core.ui.controls import UPLOAD, VIEWS, Wanted, method, source
from radar_core.ui.filmstrip import filmstrip
from radar_core.ui.starting import is_warm
from radar_core.ui.text import plain, sentence

PAGE = {"title": "Case", "icon": ":material/radiology:", "order": 20}
st.set_page_config(page_title="Case · RADAR")
link.read()
link.choose("view", list(VIEWS), "view called")
if not is_warm(560, "Case", NOT_A_DEVICE):
    st.stop()
if error := warm.progress().error:
    st.error(plain(sentence(error)), icon=":material/error:")

wanted = Wanted()
with st.sidebar:
    source(wanted)
    if wanted.data is not None:
        current = wanted.entry.id if wanted.entry else ""
        filmstrip(wanted.data, current, st.session_state["model"])
    method(wanted)

header(wanted)
for said in link.said():
    st.warning(plain(sentence(said)), icon=":material/link_off:")
if st.session_state["data"] == UPLOAD and wanted.upload is None:
    st.info(
        "Choose an image in the sidebar: PNG, JPEG, TIFF, BMP, WebP or DICOM. It stays in memory, "
        "is never written to disk, and is not part of a link.",
        icon=":material/upload_file:",
    )
body(wanted)
