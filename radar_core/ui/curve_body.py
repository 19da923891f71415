"""The case at every ε: below the panels, computed after them, as a job of its own."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import streamlit as st

from radar_core.epsilon import GRIDS, NORM_TITLES, parse_epsilon
from radar_core.ui.compute import curve_steps
from radar_core.ui.controls import Wanted
from radar_core.ui.followup import FollowUp
from radar_core.ui.jobs import Job, device_jobs
from radar_core.ui.palette import palette
from radar_core.ui.polling import SELDOM, polled, visitor
from radar_core.ui.text import plain, quiet
from radar_core.verdict import flip_sentence, percent, survival_sentence
from radar_core.view.metric_words import short

if TYPE_CHECKING:
    from radar_core.case import CaseResult, CaseSpec, CurveResult
    from radar_core.view.frames import CurveView

AFTER = FollowUp("curve", "Maps compared along ε", len(GRIDS["default"]["linf"]), cheap=10.0)
_LAST, _VERSION = "curve.last", "curve.version"
CONFIG = {"displayModeBar": False, "responsive": True}


def curve_spec(spec: CaseSpec, explainers: tuple[str, ...]) -> CaseSpec:
    """The specification of a case's curve: equal for all ε of the axis, so that it is kept."""
    eps = spec.eps
    if spec.target != "attacked":  # what it then reads depends on ε
        eps = next((grid[1] for grid in GRIDS["default"].values() if eps in grid), eps)
    return replace(spec, eps=eps, explainers=explainers)


def leave_curve(wanted: CaseSpec) -> None:
    """Wait no longer for a curve, unless it is that of the case wanted now, too."""
    if _kept(wanted) is None:
        AFTER.leave()


def found_curve(wanted: CaseSpec) -> Job | None:
    """The job of a case's curve, if it was begun at this ε or at another."""
    kept = _kept(wanted)
    return device_jobs().get(_key(kept), visitor()) if kept else None


def _kept(wanted: CaseSpec) -> CaseSpec | None:
    """What was computed last along ε, if it serves the case wanted now."""
    last = cast("CaseSpec | None", st.session_state.get(_LAST))
    return last if last and last == curve_spec(wanted, last.explainers) else None


def curve(wanted: Wanted, result: CaseResult, *, brief: bool = False) -> None:
    """The section, for an attack that has an ε axis; `brief`, its first sentences alone."""
    from radar_core.attacks import ATTACKS

    attack = ATTACKS[result.spec.attack]
    if not brief:
        st.markdown("###### The case at every ε")
    if attack.placing == "own":
        if brief:
            return
        quiet(
            f"{attack.title} has no ε: its strength is a parameter of its own, "
            "so there is no axis to follow it along."
        )
        return
    reached = result.attack
    assert reached is not None
    if brief:
        job = _job(wanted, result)
        polled(lambda: _show(wanted, result, brief), active=bool(job and job.active), every=SELDOM)
        return
    quiet(
        f"Reached here: L∞ {reached.linf[0]:.5f} = {reached.linf[0] * 255:.3g}/255, "
        f"L2 {reached.l2[0]:.4f} = {reached.l2[0] * 255:,.0f}/255, "
        f"{percent(reached.changed[0])} of the pixels changed."
    )
    AFTER.choose(result)
    job = _job(wanted, result)
    polled(lambda: _show(wanted, result, brief), active=bool(job and job.active), every=SELDOM)


def _job(wanted: Wanted, result: CaseResult) -> Job | None:
    spec = st.session_state[_LAST] = curve_spec(result.spec, AFTER.chosen(result))
    steps = curve_steps(spec, wanted.upload, result.spec.eps)
    return AFTER.job(_key(spec), steps, wanted.about)


def _key(spec: CaseSpec) -> str:
    return f"curve/{spec.key()}"


def _show(wanted: Wanted, case: CaseResult, brief: bool) -> bool:
    job = _job(wanted, case)
    found = cast("CurveView | None", job.value if job else None)
    AFTER.status(job, _key(curve_spec(case.spec, AFTER.chosen(case))))
    if found is not None:
        _said(found.result, case)
        if not brief:
            _charts(found.result, case)
    if job is not None and found is not None:
        now = (job.key, job.version)
        if st.session_state.get(_VERSION) != now:
            st.session_state[_VERSION] = now
            st.rerun()  # the viewer stands above: it is to have the new frames
    return bool(job and job.active)


def _said(found: CurveResult, case: CaseResult) -> None:
    if found.flip is not None:
        st.markdown(
            f"**{plain(flip_sentence(found.flip))}** {plain(survival_sentence(case.saved))}"
        )


def _charts(found: CurveResult, case: CaseResult) -> None:
    from radar_core import figures

    now, colours = case.spec.eps, palette()
    charts: list[tuple[str, Any, str]] = [
        (
            "Readings",
            figures.readings_over_epsilon(found, colours, now),
            "Probability of the first reading and of the likeliest other class at each ε. "
            + (flip_sentence(found.flip) if found.flip else ""),
        )
    ]
    for id in found.scores:
        title = short(case.explanations[id].title) if id in case.explanations else id
        said = f"Consistency of the {title} map at each ε with that of the clean image, by metric."
        charts.append(
            (
                f"{title}, for {found.explained}",
                figures.consistency_over_epsilon(found, id, colours, now),
                said,
            )
        )
    assert case.attack is not None
    margins = case.attack.history[0] if case.attack.history else ()
    if len(margins) > 1:
        said = (
            f"Margin over {len(margins)} iterations, from {margins[0]:.2f} to {margins[-1]:.2f} "
            "logits; above zero another class is read."
        )
        eps = parse_epsilon(now, case.attack.norm)
        at = f" at ε {eps.label}" if eps.bounded else ""
        name = f"The attack{at}, step by step"
        charts.append((name, figures.margin_over_iterations(margins, colours), said))
    for start in range(0, len(charts), 3):
        row = charts[start : start + 3]
        for place, (title, figure, alt) in zip(st.columns(max(2, len(row))), row, strict=False):
            place.markdown(f":small[**{plain(title)}**]")
            place.plotly_chart(figure, config=CONFIG, alt=alt, key=f"curve.{title}")
    with st.expander("Every frame, as a table", icon=":material/table:"):
        _table(found, replace(found.spec, eps=now).curve_command())


def _table(found: CurveResult, command: str) -> None:
    first = found.clean_reading.label
    rows = [
        {
            "ε": eps.label,
            "Status": frame.status[0],
            "Reads": plain(frame.readings_attacked[0].label),
            f"P({plain(first)})": f"{frame.readings_attacked[0].probabilities[first]:.3f}",
            "L∞": f"{frame.linf[0]:.5f} = {frame.linf[0] * 255:.3g}/255",
            "L2": f"{frame.l2[0]:.4f} = {frame.l2[0] * 255:,.0f}/255",
            **{
                f"after {name.upper()}": "—"
                if saved.survives is None
                else "still flipped"
                if saved.survives
                else "lost"
                for name, saved in found.saved[i].items()
            },
        }
        for i in found.known
        for eps, frame in [(found.axis[i], found.frames[i])]
    ]
    st.table(rows, border="horizontal")
    norm = NORM_TITLES[found.one.norm]
    quiet(f"ε bounds {norm}. Distances are what was reached, of a range of 1 and in grey levels.")
    st.code(command, language=None, wrap_lines=True)
    st.download_button(
        "Download the curve as JSON",
        lambda: json.dumps(found.as_dict(), indent=2, ensure_ascii=False, allow_nan=False),
        f"radar-curve-{found.spec.key()[:8]}.json",
        "application/json",
        icon=":material/download:",
        on_click="ignore",
    )
