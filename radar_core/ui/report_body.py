"""The report of a case: one click gives it as PDF, as HTML or as JSON."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, cast

import streamlit as st

from radar_core.ui.curve_body import found_curve
from radar_core.ui.floor_body import found_floor
from radar_core.ui.text import plain, quiet

if TYPE_CHECKING:
    from radar_core.case import CaseResult, CurveResult, FloorResult
    from radar_core.report import Report
    from radar_core.view.frames import CurveView

FORMATS: dict[str, tuple[str, str, Callable[[Report], str | bytes]]] = {
    "pdf": ("Report as PDF", "application/pdf", lambda report: report.pdf()),
    "html": ("as HTML", "text/html", lambda report: report.html()),
    "json": ("as JSON", "application/json", lambda report: report.json()),
}


def report_section(result: CaseResult) -> None:
    """The section: what the report holds as of now, and its three forms.

    Each is made when its button is pressed, outside of the page's own run, of what this run knows;
    the page runs again whenever floor or curve are done.
    """
    if result.attack is None:
        return
    floor, curve = found_floor(result), _curve(result)
    st.markdown("###### The report of this case")
    quiet(
        "Pictures, difference, maps, numbers, settings, hashes, method and limits, to be printed, "
        f"sent or kept. {plain(_holds(floor, curve))}"
    )
    with st.container(horizontal=True, gap="small"):
        for ending, (label, kind, make) in FORMATS.items():
            st.download_button(
                label,
                partial(_made, result, floor, curve, make),
                f"radar-report-{result.spec.key()[:8]}.{ending}",
                kind,
                key=f"report.{ending}",
                icon=":material/download:",
                on_click="ignore",
            )
    st.code(result.spec.report_command(), language=None, wrap_lines=True)


def _curve(result: CaseResult) -> CurveResult | None:
    job = found_curve(result.spec)
    view = cast("CurveView | None", job.value if job else None)
    return view.result if view else None


def _holds(floor: FloorResult | None, curve: CurveResult | None) -> str:
    """What of the slow parts it holds, and what is missing."""
    parts = {"the noise floor": floor, "the ε curve": curve}
    missing = [name for name, part in parts.items() if part is None]
    growing = [name for name, part in parts.items() if part and part.stage != "done"]
    said = []
    if missing:
        said.append(f"Not in it, for not computed so far: {' and '.join(missing)}.")
    if growing:
        said.append(f"Of {' and of '.join(growing)} it holds what is known so far.")
    return " ".join(said) or "It holds the noise floor and the ε curve."


def _made(
    result: CaseResult,
    floor: FloorResult | None,
    curve: CurveResult | None,
    make: Callable[[Report], str | bytes],
) -> str | bytes:
    from radar_core.report import report

    return make(report(result, floor, curve))
