"""The noise floor of a case: below the metrics, computed after the pictures, as its own job."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, cast

import streamlit as st

from radar_core.case.floor import CONTROLS
from radar_core.epsilon import NORM_TITLES
from radar_core.ui.compute import floor_steps
from radar_core.ui.controls import Wanted
from radar_core.ui.followup import FollowUp
from radar_core.ui.jobs import Job, device_jobs
from radar_core.ui.palette import palette
from radar_core.ui.polling import SELDOM, polled, visitor
from radar_core.ui.text import plain, quiet
from radar_core.verdict import distance_text
from radar_core.view.metric_words import by_role, metric_text, short
from radar_core.wording import evidence_sentence, noise_sentence, percentile

if TYPE_CHECKING:
    from radar_core.case import CaseResult, FloorResult
    from radar_core.floor import Place

SHOWN = "floor.explainer"
AFTER = FollowUp("floor", "Maps held against noise", CONTROLS, cheap=12.0)
CONFIG = {"displayModeBar": False, "responsive": True}


def leave_floor() -> None:
    """Wait no longer for a noise floor: another case comes first."""
    AFTER.leave()


def floor_job(result: CaseResult) -> Job | None:
    """The job that computes the noise floor of a case, if there is one."""
    return device_jobs().get(_key(result), visitor())


def found_floor(result: CaseResult) -> FloorResult | None:
    """The noise floor of a case, as far as it is known."""
    job = floor_job(result)
    floor = cast("FloorResult | None", job.value if job else None)
    return floor if floor is not None and floor.places else None


def evidence(result: CaseResult, *, brief: bool = False) -> None:
    """Whether the attribution lies where the lesion and the evidence are, as sentences.

    Args:
        brief: only of the lesion, and only the sentences.
    """
    from radar_core.localisation import area

    said = [
        (name, evidence_sentence(short(result.explanations[id].title), name, *shares, area(mask)))
        for name, mask in result.masks.items()
        for id, found in result.evidence.items()
        if (shares := found[name]["evidence_share"])
    ]
    if not said:
        return
    st.markdown("###### Where the attribution lies")
    st.markdown("\n".join(f"- {plain(text)}" for name, text in said if name == "lesion"))
    if brief:
        return
    further = [text for name, text in said if name == "evidence"]
    if further:
        with st.expander("Against the evidence that the phantom knows", icon=":material/target:"):
            st.markdown("\n".join(f"- {plain(text)}" for text in further))
    rows = [
        {
            "Explainer": short(result.explanations[id].title),
            "Mask": name,
            "Share inside, clean": metric_text(shares[0], "of all"),
            "Share inside, attacked": metric_text(shares[1], "of all"),
            "Strongest pixel inside, clean": _hit(hits[0]),
            "Strongest pixel inside, attacked": _hit(hits[1]),
        }
        for id, found in result.evidence.items()
        for name, measures in found.items()
        for shares, hits in [(measures["evidence_share"], measures["pointing_game"])]
    ]
    with st.expander("Shares and pointing game, as a table", icon=":material/table:"):
        st.table(rows, border="horizontal", alt="Attribution within each mask")


def _hit(value: float) -> str:
    if math.isnan(value):
        return "—"
    return {1.0: "yes", 0.0: "no"}.get(value, f"{value:.0%} of a tie")


def noise_floor(wanted: Wanted, result: CaseResult, *, brief: bool = False) -> None:
    """The section, for a case with maps and a change; `brief`, its first sentence alone."""
    attack = result.attack
    if attack is None or not result.scores:
        return
    if not brief:
        st.markdown("###### Held against harmless noise of the same size")
    if not (attack.linf[0] if attack.norm == "linf" else attack.l2[0]):
        quiet("The attack changed nothing, so there is no noise of its size.")
        return
    if not brief:
        AFTER.choose(result)
    job = _job(wanted, result)
    polled(lambda: _show(wanted, result, brief), active=bool(job and job.active), every=SELDOM)


def _key(result: CaseResult) -> str:
    return f"floor/{result.spec.key()}/{','.join(AFTER.chosen(result))}"


def _job(wanted: Wanted, result: CaseResult) -> Job | None:
    steps = floor_steps(result, AFTER.chosen(result), wanted.upload)
    return AFTER.job(_key(result), steps, wanted.about)


def _show(wanted: Wanted, result: CaseResult, brief: bool) -> bool:
    job = _job(wanted, result)
    found = cast("FloorResult | None", job.value if job else None)
    AFTER.status(job, _key(result))
    if found is not None and brief:
        for text in _said(found, next(iter(found.places), ""))[:1]:
            st.markdown(plain(text))
    elif found is not None:
        _found(found)
    return bool(job and job.active)


def _found(floor: FloorResult) -> None:
    from radar_core.attacks import ATTACKS

    case = floor.case
    size = distance_text(floor.size, cast(Any, floor.norm))
    kind: str = ATTACKS[floor.kind].title
    quiet(
        f"{len(floor.readings)} harmless changes as large as the attack ({kind.lower()}, "
        f"{NORM_TITLES[cast(Any, floor.norm)]} {size.removeprefix('L2 ')}), each explained as the "
        f"attacked image was; {floor.turned or 'none'} of them "
        f"change{'s' if floor.turned == 1 else ''} the reading."
    )
    if not floor.places:
        return
    headline = [(name, m) for name, m in by_role() if m.role == "headline"]
    rows = [
        {"Explainer": short(case.explanations[id].title)}
        | {
            metric.title: _placed(floor.places[id][name], metric.unit)
            for name, metric in headline
            if name in floor.places[id]
        }
        for id in case.explanations
        if id in floor.places
    ]
    st.table(rows, border="horizontal", alt="Each metric and its place in the noise floor")
    _strip(floor)
    with st.expander("Every metric, and the command", icon=":material/table:"):
        _every(floor)
        st.code(case.spec.floor_command(), language=None, wrap_lines=True)
        st.download_button(
            "Download the noise floor as JSON",
            lambda: json.dumps(floor.as_dict(), indent=2, ensure_ascii=False, allow_nan=False),
            f"radar-floor-{case.spec.key()[:8]}.json",
            "application/json",
            icon=":material/download:",
            on_click="ignore",
        )


def _every(floor: FloorResult) -> None:
    """All metrics of all explainers with their places, and the change of the evidence share."""
    titles = {id: short(floor.case.explanations[id].title) for id in floor.places}
    rows = [
        {"Explainer": titles[id], "Metric": metric.title, "Value": _placed(at, metric.unit)}
        for id, places in floor.places.items()
        for name, metric in by_role()
        if (at := places.get(name)) is not None
    ]
    rows += [
        {
            "Explainer": titles[id],
            "Metric": f"Change of the share inside the {mask}",
            "Value": _placed(at, "of all"),
        }
        for id, masks in floor.evidence_places.items()
        for mask, at in masks.items()
    ]
    st.table(rows, border="horizontal", alt="All metrics and their places in the noise floor")


def _said(floor: FloorResult, id: str) -> list[str]:
    """Where the headline metrics of an explainer stand in the noise, as sentences."""
    return [
        noise_sentence(
            short(floor.case.explanations[id].title),
            metric.title,
            floor.places[id][name],
            metric.unit,
        )
        for name, metric in by_role()
        if metric.role == "headline" and name in floor.places.get(id, {})
    ]


def _placed(place: Place, unit: str) -> str:
    """A value with its word and its percentile."""
    value = metric_text(place.value, unit)
    if place.percentile is None:
        return value
    word = place.word if place.word != "not defined" else "too few controls"
    return f"**{value}**  {word}, {percentile(place)}"


def _strip(floor: FloorResult) -> None:
    """The controls of one explainer as dots, with the attack among them."""
    from radar_core.figures_noise import NoiseRow, noise_strip

    case = floor.case
    ids = [id for id in case.explanations if id in floor.places]
    if st.session_state.get(SHOWN) not in ids:
        st.session_state[SHOWN] = ids[0]
    if len(ids) > 1:
        st.pills(
            "Explainer",
            ids,
            key=SHOWN,
            required=True,
            format_func=lambda id: short(case.explanations[id].title),
            label_visibility="collapsed",
        )
    id = st.session_state[SHOWN] or ids[0]
    title = short(case.explanations[id].title)
    rows = [
        NoiseRow(
            metric.title,
            floor.scores[id][name],
            floor.places[id][name].value,
            floor.repeats.get(id, {}).get(name),
            metric.low,
            metric.high,
            metric.direction,
        )
        for name, metric in by_role()
        if name in floor.scores[id] and metric.role != "paper"
    ]
    said = _said(floor, id)
    st.markdown(plain(said[0]))
    chart, words = st.columns([2, 1], gap="large")
    chart.plotly_chart(
        noise_strip(rows, palette()), config=CONFIG, alt=" ".join(said), key=f"floor.{id}"
    )
    with words:
        for text in said[1:]:
            st.markdown(f":small[{plain(text)}]")
        again = floor.repeats.get(id, {}).get("topk_overlap")
        if again is not None:
            st.markdown(
                f":small[{plain(title)} explained the clean image twice, with two seeds: top-k "
                f"overlap {metric_text(again, '')} with itself.]"
            )
        facts = case.explanations[id].facts
        if "of_samples" in facts:
            st.markdown(
                f":small[{facts['samples']} of at most {facts['of_samples']} samples an image; the "
                f"ranking of the strongest superpixels "
                f"{'held' if facts['stable'] else 'had not settled by then'}.]"
            )
