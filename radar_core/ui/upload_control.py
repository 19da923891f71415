"""One image of a visitor's own: chosen, kept in memory, and removed again."""

from __future__ import annotations

from typing import Any, cast

import streamlit as st
from streamlit.runtime import get_instance
from streamlit.runtime.scriptrunner import get_script_run_ctx

from radar_core.errors import RadarError
from radar_core.settings import settings
from radar_core.ui.compute import Upload
from radar_core.ui.jobs import device_jobs
from radar_core.ui.method_controls import KEPT
from radar_core.ui.polling import visitor

KINDS = ["png", "jpg", "jpeg", "tif", "tiff", "bmp", "webp", "dcm", "dicom"]
_LAST = "uploaded"
_SEEN = "upload.seen"  # the hashes of all that this visit has shown
_TURN = "upload.turn"
_REMOVED = "upload.removed"
HELD = ("case.shown", "case.composed", "curve.last", "curve.version")  # of the case on the page


def upload_control() -> Upload | None:
    """The file that was given last; it survives a visit to another page, and nothing else."""
    key = _key()
    file = st.file_uploader(
        "Image",
        type=KINDS,
        key=key,
        max_upload_size=settings().upload_mb,
        help="PNG, JPEG, TIFF, BMP, WebP or DICOM. It stays in memory, is never written to disk, "
        "and is not part of a link. Of DICOM, nothing but the pixels is read.",
    )
    if file is not None:
        st.session_state[_LAST] = Upload.of(file.name, file.getvalue())
    upload = cast(Upload | None, st.session_state.get(_LAST))
    if upload is None:
        if st.session_state.pop(_REMOVED, False):
            st.caption("The image and all that was computed of it are removed.")
        return None
    upload = _with_frame(upload)
    st.session_state["image"] = upload.sha256
    st.session_state.setdefault(_SEEN, set()).add(upload.sha256)
    if file is None:
        st.caption(f"Still here: {upload.name}")
    st.button(
        "Remove this image",
        icon=":material/delete:",
        key="upload.remove",
        help="Its pixels and all that was computed of them leave the memory of the server.",
        on_click=_remove,
        args=(file.file_id if file is not None else "",),
    )
    return upload


def _key() -> str:
    """Of the field; another one after a removal, since a field keeps the file it was given."""
    turn = st.session_state.get(_TURN, 0)
    return f"file.{turn}" if turn else "file"


def _remove(file_id: str) -> None:
    """Forget all images of this visit: their bytes, and the results and pictures made of them."""
    context = get_script_run_ctx()
    if context is not None and file_id:
        files = cast(Any, get_instance().uploaded_file_mgr)  # the one in memory has more to call
        files.remove_file(context.session_id, file_id)
    for sha256 in st.session_state.pop(_SEEN, set()):
        device_jobs().forget_about(sha256, visitor())
        st.session_state.pop(f"frame.{sha256[:16]}", None)
    for key in (_LAST, _key(), *HELD):
        st.session_state.pop(key, None)
    st.session_state["image"] = ""
    st.session_state[_TURN] = st.session_state.get(_TURN, 0) + 1
    st.session_state[_REMOVED] = True


def _with_frame(upload: Upload) -> Upload:
    """Of a file with several frames, the one that is chosen; at first the middle one."""
    from radar_core.data.images import frames

    try:
        count = frames(upload.data, upload.name)
    except RadarError:  # it is told where the pixels are read
        return upload
    if count == 1:
        return upload
    key = f"frame.{upload.sha256[:16]}"
    frame = st.slider("Frame", 1, count, (count + 1) // 2, key=key, **KEPT)
    return Upload.of(upload.name, upload.data, int(frame))
