"""What cheap defences would have made of a case: below its metrics, as a job of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import streamlit as st

from radar_core.case.defending import said
from radar_core.ui.compute import defence_steps
from radar_core.ui.controls import Wanted
from radar_core.ui.followup import FollowUp
from radar_core.ui.jobs import Job
from radar_core.ui.polling import SELDOM, polled
from radar_core.ui.text import plain, quiet
from radar_core.verdict import named

if TYPE_CHECKING:
    from radar_core.case import CaseResult, Defended

AFTER = FollowUp("defences", "", 0, 0.0)
MARKS = {"stops it": "✓", "does not stop it": "✗"}


def leave_defences() -> None:
    """Wait no longer for the defences: another case comes first."""
    AFTER.leave()


def defences(wanted: Wanted, result: CaseResult) -> None:
    """The section, for a case that was attacked."""
    if result.attack is None or not result.attack.linf[0]:
        return
    st.markdown("###### What would have stopped it")
    job = _job(wanted, result)
    polled(lambda: _show(wanted, result), active=bool(job and job.active), every=SELDOM)


def _job(wanted: Wanted, result: CaseResult) -> Job | None:
    return AFTER.job(AFTER.key(result), defence_steps(result), wanted.about)


def _show(wanted: Wanted, result: CaseResult) -> bool:
    job = _job(wanted, result)
    found = cast("tuple[Defended, ...]", job.value if job and job.value else ())
    if job is not None and job.state == "done":
        st.markdown(plain(said(found)))
    AFTER.status(job, AFTER.key(result))
    if found:
        rows = [
            {
                "Defence": one.title,
                "Clean": plain(named(one.clean)),
                "Attacked": plain(named(one.attacked)),
                "Outcome": f"{MARKS.get(one.outcome, '')} {one.outcome}",
                "Passes": one.passes,
            }
            for one in found
        ]
        st.table(rows, border="horizontal", alt="What each defence makes of the case")
    if job is not None and job.state == "done":
        with st.expander("The command", icon=":material/terminal:"):
            st.code(result.spec.defend_command(), language=None, wrap_lines=True)
        quiet(
            "Tried on this one image: what it says of others, only an experiment tells. An "
            "attacker who knows a defence attacks through it."
        )
    return bool(job and job.active)
