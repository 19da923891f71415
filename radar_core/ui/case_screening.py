"""What screening says of a case without its clean image: a job of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import streamlit as st

from radar_core.settings import ROOT
from radar_core.ui.controls import Wanted
from radar_core.ui.followup import FollowUp
from radar_core.ui.jobs import Job
from radar_core.ui.polling import SELDOM, polled
from radar_core.ui.screening_jobs import Pair, pair_steps
from radar_core.ui.text import plain, quiet

if TYPE_CHECKING:
    from radar_core.case import CaseResult

AFTER = FollowUp("screened", "", 0, 0.0)


def leave_screening() -> None:
    """Wait no longer for the screening: another case comes first."""
    AFTER.leave()


def case_screening(wanted: Wanted, result: CaseResult) -> None:
    """The section, for a case that was attacked."""
    from radar_core.detection.detector import place_of

    if result.attack is None or not result.attack.linf[0]:
        return
    st.markdown("###### What screening says without the clean image")
    if not place_of(result.spec.model).is_file():
        quiet("Nothing screens the images of this model yet; the page Screening makes it.")
        return
    job = _job(wanted, result)
    polled(lambda: _show(wanted, result), active=bool(job and job.active), every=SELDOM)
    if wanted.upload is None:
        st.page_link(
            ROOT / "pages" / "screening.py",
            label="Look closer at the clean image in Screening",
            icon=":material/policy:",
            query_params={
                "data": result.spec.data,
                "image": result.spec.image,
                "model": result.spec.model,
            },
        )


def _job(wanted: Wanted, result: CaseResult) -> Job | None:
    return AFTER.job(AFTER.key(result), pair_steps(result), wanted.about)


def _show(wanted: Wanted, result: CaseResult) -> bool:
    from radar_core.detection.detector import FALSE_ALARMS

    job = _job(wanted, result)
    AFTER.status(job, AFTER.key(result))
    if job is not None and job.value is not None:
        found = cast("Pair", job.value)
        st.markdown(plain(found.said))
        rows = [{name: plain(value) for name, value in row.items()} for row in found.rows]
        st.table(rows, border="horizontal", alt="Each image, screened as if it stood alone")
        quiet(
            f"Of clean images {100 * FALSE_ALARMS:.0f}\u00a0% are called unusual. An attacker who "
            "knows the screening can pass it: the attack Orthogonal PGD does."
        )
    return bool(job and job.active)
