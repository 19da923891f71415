"""The main column of the case page: header, status, panels, and what is folded away."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import streamlit as st

from radar_core.epsilon import parse_epsilon
from radar_core.runtime import machine
from radar_core.ui.case_screening import case_screening, leave_screening
from radar_core.ui.compute import case_steps
from radar_core.ui.controls import VIEWS, Wanted, looking
from radar_core.ui.curve_body import curve, found_curve, leave_curve
from radar_core.ui.defence_body import defences, leave_defences
from radar_core.ui.export_body import export_section
from radar_core.ui.first_look import FirstLook, remember
from radar_core.ui.floor_body import evidence, floor_job, found_floor, leave_floor, noise_floor
from radar_core.ui.jobs import Job, device_jobs
from radar_core.ui.link import ADDRESS
from radar_core.ui.metric_table import metric_table
from radar_core.ui.polling import pictures_first, polled, visitor
from radar_core.ui.report_body import report_section
from radar_core.ui.share_body import SAME, compared, share, too_early, unchanged
from radar_core.ui.text import plain, quiet, sentence
from radar_core.ui.viewer import viewer
from radar_core.verdict import certainty
from radar_core.view.frames import composed
from radar_core.view.metric_words import epsilon_label, short
from radar_core.view.panels import CaseView, waiting

if TYPE_CHECKING:
    from radar_core.case import CaseResult, CaseSpec
    from radar_core.view.frames import CurveView

NOT_A_DEVICE = "Research software, not a medical device."
SYNTHETIC = "Synthetic"
_SHOWN, _CANCELLED, _COMPOSED = "case.shown", "case.cancelled", "case.composed"
_KEPT = "case.kept"


def header(wanted: Wanted) -> None:
    """Which case this is, its link, and how it is looked at."""
    name, *beside = _heading(wanted)
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.subheader(plain(name), anchor=False, width="content")
        for said in beside:
            icon = ":material/science:" if said == SYNTHETIC else None
            st.badge(plain(said), color="gray", icon=icon)
        st.space("stretch")
        share(wanted)
        st.segmented_control(
            "View",
            list(VIEWS),
            key="view",
            format_func=VIEWS.__getitem__,
            required=True,
            label_visibility="collapsed",
            persist_state="session",
            help="Look: one sentence, the pictures, plain words. Tune: every setting and number.",
        )


def _heading(wanted: Wanted) -> list[str]:
    """The image's name, and what stands beside it."""
    from radar_core.attacks import ATTACKS
    from radar_core.models.store import list_models

    said = [
        wanted.upload.name if wanted.upload else wanted.entry.id if wanted.entry else "No image"
    ]
    if wanted.entry and wanted.entry.label:
        said.append(f"true label {wanted.entry.label}")
    titles = {info.name: info.title for info in list_models()}
    if st.session_state["model"] in titles:
        said.append(titles[st.session_state["model"]])
    if wanted.spec:
        said.append(cast(Any, ATTACKS[wanted.spec.attack]).title)
    if wanted.data is not None and wanted.data.synthetic:
        said.append(SYNTHETIC)
    return said


def body(wanted: Wanted) -> None:
    """The case asked for; where it cannot be, why, and the last picture there was."""
    for error in wanted.errors:
        st.error(plain(sentence(error)), icon=":material/error:")
    spec = wanted.spec
    if spec is None:
        device_jobs().release(visitor(), "case")
        last = st.session_state.get(_SHOWN)
        if last is not None and wanted.errors:
            st.caption("Below is the last case that could be computed.")
            viewer(last.blob, key="viewer")
        return
    if st.session_state.get(_CANCELLED) not in (None, spec.key()):
        del st.session_state[_CANCELLED]
    job = _job(wanted, spec)
    if job is None or job.active:
        leave_curve(spec)
        leave_floor()
        leave_defences()
        leave_screening()
    compared(wanted)
    polled(lambda: _show(wanted, spec), active=bool(job and job.active))
    if pictures_first():
        return
    if job is not None and job.state == "done" and job.value is not None:
        if too_early(spec):
            st.rerun()
        result = job.value.result
        if looking():
            _words(wanted, result)
            return
        metric_table(result)
        evidence(result)
        noise_floor(wanted, result)
        curve(wanted, result)
        defences(wanted, result)
        case_screening(wanted, result)
        report_section(result)
        export_section(result)
        _record(result)


def _words(wanted: Wanted, result: CaseResult) -> None:
    """What is known of the case beyond its first sentence, without a table or a chart."""
    evidence(result, brief=True)
    noise_floor(wanted, result, brief=True)
    curve(wanted, result, brief=True)
    quiet("Settings, numbers, curves, the report and raw values are in the view Tune.")


def _job(wanted: Wanted, spec: CaseSpec) -> Job | None:
    """The job of this case, started if need be; None once this visitor has cancelled it."""
    if st.session_state.get(_CANCELLED) == spec.key():
        return None
    return device_jobs().submit(
        spec.key(),
        case_steps(spec, wanted.upload),
        owner=visitor(),
        slot="case",
        about=wanted.about,
    )


def _show(wanted: Wanted, spec: CaseSpec) -> bool:
    from radar_core.explainers import EXPLAINERS

    job = _job(wanted, spec)
    if job is not None and job.value is not None:
        st.session_state[_SHOWN] = job.value
    shown = cast(CaseView | None, st.session_state.get(_SHOWN))
    view = shown if shown is not None and shown.result.spec == spec else None
    with st.container(gap="xxsmall"):
        if job is not None and job.state == "failed":
            st.error(plain(sentence(job.error)), icon=":material/error:")
        _status(job, spec, view)
        for note in view.result.notes if view else ():
            st.markdown(f":small[:orange[:material/info: {plain(note)}]]")
        columns = [(id, short(cast(Any, EXPLAINERS[id]).title)) for id in spec.explainers]
        if view is not None and job is not None and job.state == "done":
            _keep(wanted, view)
        turned = viewer(
            _composed(view, shown, spec)
            or waiting(columns, eps=epsilon_label(spec), look=looking()),
            key="viewer",
            on_epsilon=_turn,
        )
    if turned:
        st.rerun()
    return bool(job and job.active)


def _turn() -> None:
    """The slider came to rest: its ε is that of the case."""
    st.session_state["eps"] = st.session_state["viewer"].eps


def _composed(view: CaseView | None, shown: CaseView | None, spec: CaseSpec) -> bytes | None:
    """What the viewer is to show; None where nothing is known of the case.

    Until anything is known of another ε of the case just shown, its frames stay, and ε stands
    where it is asked for.
    """
    job = found_curve(spec)
    curve = cast("CurveView | None", job.value if job else None)
    source = view or shown
    if source is None or (view is None and (curve is None or not _along(source, spec))):
        return None
    floor = found_floor(source.result)
    asked = None if view else spec.eps
    parts = (source, curve, floor, bool(job and job.active), looking(), asked)
    last = st.session_state.get(_COMPOSED)
    if last is None or any(one is not other for one, other in zip(last[0], parts, strict=True)):
        blob = composed(source, curve, floor, growing=parts[3], look=parts[4], asked=asked)
        last = st.session_state[_COMPOSED] = (parts, blob)
    return cast(bytes, last[1])


def _keep(wanted: Wanted, view: CaseView) -> None:
    """What the next browser that opens this address is shown first; an upload is its own visit's.

    The floor is waited for: its words come one by one. A case with a caveat is not kept without it.
    """
    if wanted.data is None or wanted.entry is None or view.result.notes:
        return
    from radar_core.models.store import list_models

    job = floor_job(view.result)
    floor = found_floor(view.result) if job is None or not job.active else None
    parts = (view, floor, looking())
    before = st.session_state.get(_KEPT)
    if before is not None and all(a is b for a, b in zip(before, parts, strict=True)):
        return
    st.session_state[_KEPT] = parts
    spec = view.result.spec
    cards = {info.name: info.card for info in list_models()}
    look = FirstLook(
        data=spec.data,
        model=spec.model,
        sha256=str(cards.get(spec.model, {}).get("sha256", "")),
        heading=tuple(_heading(wanted)),
        said=_said(view),
        blob=composed(view, None, floor, look=looking()),
    )
    query = dict(ADDRESS.written or {})
    remember(query, look)
    if wanted.entry.id == wanted.data.entries[0].id:  # which an address need not name
        remember({k: v for k, v in query.items() if k != "image"}, look)


def _along(view: CaseView, spec: CaseSpec) -> bool:
    """Whether a case is the one wanted but for ε and the choice of explainers."""
    return replace(view.result.spec, eps=spec.eps, explainers=spec.explainers) == spec


def _status(job: Job | None, spec: CaseSpec, view: CaseView | None) -> None:
    """One line of constant height: how far it is, or what it took."""
    with st.container(
        horizontal=True, vertical_alignment="center", height=44, border=False, gap="small"
    ):
        if job is None:
            st.markdown(":gray[Cancelled.]", width="content")
            st.button("Compute again", key="again", type="tertiary", on_click=_again, args=(spec,))
        elif job.state == "failed":
            st.markdown(":gray[This case could not be computed.]", width="content")
            st.button("Try again", key="again", type="tertiary", on_click=_again, args=(spec,))
        elif job.active:
            st.progress(job.fraction, text=f"{job.fraction:.0%} · {plain(_doing(job, spec))}")
            st.button("Cancel", key="cancel", type="tertiary", on_click=_cancel, args=(spec,))
        elif view is not None:
            quiet(plain(_said(view)))
    if view is not None and unchanged(view.result):
        quiet(SAME)


def _said(view: CaseView) -> str:
    """The line above the pictures of a case that is done."""
    said = f"{NOT_A_DEVICE} Took {view.result.seconds:.1f} s."
    return said if looking() else f"{said} {machine().note}"


def _doing(job: Job, spec: CaseSpec) -> str:
    """What is under way, in words."""
    from radar_core.attacks import ATTACKS
    from radar_core.explainers import EXPLAINERS

    if job.state == "waiting":
        return "waiting for another computation"
    if job.value is None:
        return "reading the image"
    result = job.value.result
    left = [id for id in spec.explainers if id not in {*result.explanations, *result.unexplained}]
    method: Any = EXPLAINERS[left[0]] if left else None
    if result.attack is None:
        method = ATTACKS[spec.attack]
    return f"{method.title}: {job.note}" if method and job.note != method.title else job.note


def _cancel(spec: CaseSpec) -> None:
    device_jobs().release(visitor(), "case")
    st.session_state[_CANCELLED] = spec.key()


def _again(spec: CaseSpec) -> None:
    st.session_state.pop(_CANCELLED, None)
    device_jobs().forget(spec.key())


def _record(result: CaseResult) -> None:
    values = result.as_dict()
    with st.expander("Distances, passes, versions, command line", icon=":material/receipt_long:"):
        assert result.attack is not None
        attack = result.attack
        left, right = st.columns(2, gap="large")
        with left:
            side = result.clean.shape[-1]
            st.table(
                {
                    "Attack status": attack.status[0],
                    "ε allowed": parse_epsilon(attack.eps, attack.norm).label,
                    "L∞ reached": f"{attack.linf[0]:.5f} = {attack.linf[0] * 255:.3g}/255",
                    "L2 reached": f"{attack.l2[0]:.4f} = {attack.l2[0] * 255:,.0f}/255",
                    **{
                        f"Reads after {name}": f"{plain(s.reading.label)} "
                        f"{certainty(s.reading.probability)}"
                        for name, s in result.saved.items()
                    },
                    **{plain(str(k)): plain(str(v)) for k, v in attack.facts.items()},
                    "Pixels changed": f"{attack.changed[0]:.2%} = "
                    f"{round(attack.changed[0] * side * side):,} of {side * side:,}",
                    "Class explained": ", ".join(sorted(set(values["explained"].values()))) or "—",
                    "Seconds": ", ".join(
                        f"{k} {v:.2f}" for k, v in values["seconds"].items() if v is not None
                    ),
                },
                border="horizontal",
            )
        with right:
            st.table(
                {
                    "Machine": machine().note,
                    **values["versions"],
                    **{f"{k} (sha256)": str(v)[:16] for k, v in values["hashes"].items()},
                },
                border="horizontal",
            )
        st.code(result.spec.command(), language=None, wrap_lines=True)
        st.download_button(
            "Download as JSON",
            lambda: json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False),
            f"radar-{result.spec.key()[:8]}.json",
            "application/json",
            icon=":material/download:",
            on_click="ignore",
        )
