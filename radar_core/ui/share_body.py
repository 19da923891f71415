"""The link of a case, and whether a link that was opened still gives its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import streamlit as st

from radar_core.case.digest import comparison, digest
from radar_core.ui import link
from radar_core.ui.jobs import device_jobs
from radar_core.ui.polling import is_drawn, visitor
from radar_core.ui.text import plain, quiet

if TYPE_CHECKING:
    from radar_core.case import CaseResult, CaseSpec
    from radar_core.ui.controls import Wanted
    from radar_core.view.panels import CaseView

_KNOWN, _AGAIN = "share.known", "share.again"
SAME = "The same numbers as when this link was made."


def share(wanted: Wanted) -> None:
    """The link and the command line of what the page shows, behind a button."""
    spec = wanted.spec
    with st.popover("Share", icon=":material/link:", disabled=spec is None):
        if spec is None:
            return
        result = _computed(wanted)
        st.session_state[_KNOWN] = spec.key() if result else ""
        if not is_drawn():
            st.skeleton(height=200)
            return
        st.markdown("**Link**")
        address = link.permalink(digest(result) if result else None)
        st.code(address, language=None, wrap_lines=True)
        if wanted.upload is not None:
            quiet("The uploaded image is not part of the link: whoever opens it needs the file.")
        elif result is None:
            quiet("Once the case is computed, the link also holds what it is compared with.")
        else:
            quiet("Whoever opens it is told whether image, model and numbers are the same.")
        st.markdown("**Command line**")
        st.code(spec.command(), language=None, wrap_lines=True)


def too_early(spec: CaseSpec) -> bool:
    """Whether the case was done only after this run had made the link to it; told once a case."""
    key = spec.key()
    if key in (st.session_state.get(_KNOWN), st.session_state.get(_AGAIN)):
        return False
    st.session_state[_AGAIN] = key
    return True


def compared(wanted: Wanted) -> None:
    """Where a computed case is not what it was when the link to it was made: what has changed."""
    result = _computed(wanted)
    said = _changed(result) if result else None
    if said:
        st.warning(plain(said), icon=":material/difference:")


def unchanged(result: CaseResult) -> bool:
    """Whether the page was opened by a link, and the case is what it was when that was made."""
    return result.stage == "done" and _changed(result) == ""


def _changed(result: CaseResult) -> str | None:
    """What has changed since the link was made; None where nothing is known of that."""
    then = link.made_with()
    return None if then is None else comparison(then, digest(result))


def _computed(wanted: Wanted) -> CaseResult | None:
    """The result of the case asked for, once it is known to its end."""
    if wanted.spec is None:
        return None
    job = device_jobs().get(wanted.spec.key(), visitor())
    if job is None or job.state != "done" or job.value is None:
        return None
    return cast("CaseView", job.value).result
