"""The page of the reader study: its settings, pair after pair, and what the readers found."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import streamlit as st

from radar_core.errors import RadarError
from radar_core.readers import (
    SURE,
    PairPlan,
    add_answer,
    agreement,
    answers,
    as_csv,
    as_file,
    check_code,
    from_file,
    prepare_pairs,
    results,
)
from radar_core.runtime import Progress
from radar_core.ui.compute import data_names, open_offered
from radar_core.ui.jobs import BACKGROUND, Job, Steps, device_jobs
from radar_core.ui.polling import polled, visitor
from radar_core.ui.text import data_title, plain, quiet, sentence
from radar_core.verdict import percent

if TYPE_CHECKING:
    from radar_core.readers import Pair, Pairs

SLOT, READER, SEEN, LEFT = "readers", "readers.reader", "readers.seen", "readers.left"
EPS = ("1/255", "2/255", "4/255", "8/255", "16/255")
SIDES = {"left": "ArrowLeft", "right": "ArrowRight"}


def reader_study() -> None:
    """The whole page."""
    st.title("Which of the two was attacked?", anchor=False)
    try:
        plan = _plan()
    except RadarError as error:
        st.error(plain(sentence(str(error))), icon=":material/error:")
        return
    reader = st.session_state.get(READER)
    if reader is None:
        _door(plan)
        return
    polled(lambda: _show(plan, reader), active=_waits(plan, reader))


def _plan() -> PairPlan:
    """The plan that the address names; the same address is the same study."""
    given = st.query_params.to_dict()
    known = {field.name: field.default for field in fields(PairPlan)}
    values: dict[str, Any] = {}
    for name, default in known.items():
        text = given.get(name, str(default))
        if isinstance(default, int):
            values[name] = int(text) if text.isdecimal() and len(text) < 10 else -1
        else:
            values[name] = text
    return PairPlan(**values)


def _door(plan: PairPlan) -> None:
    """What the study is, who reads, and, folded, what determines it."""
    st.markdown(
        f"You will see {plan.pairs} pairs. One picture of each was changed by an attack that is "
        "after another reading of a classifier. Say which, with the arrow keys ← → or the buttons. "
        "You learn how often you were right when you have answered all."
    )
    code = st.text_input(
        "Your code",
        key="readers.code",
        max_chars=32,
        help="Letters and digits of your choice, not your name. The same code goes on where you "
        "stopped.",
        width=280,
    )
    if st.button("**Begin**", key="readers.go", disabled=not code):
        try:
            st.session_state[READER] = check_code(code)
            st.rerun()
        except RadarError as error:
            st.error(plain(sentence(str(error))), icon=":material/error:")
    with st.expander("What determines the study", icon=":material/tune:"):
        _settings(plan)
    _outcome(plan)


def _settings(plan: PairPlan) -> None:
    """Controls that write the address; whoever opens it sees the same pairs."""
    from radar_core.attacks import ATTACKS
    from radar_core.models.store import list_models

    models = {info.name: info.title for info in list_models()}
    attacks = {id: ATTACKS[id].title for id in ATTACKS if ATTACKS[id].placing == "budget"}
    with st.form("readers.settings", border=False):
        left, right = st.columns(2)
        new = {
            "data": _one(left, "Data", data_names(), plan.data, data_title),
            "model": _one(right, "Model", list(models), plan.model, models.__getitem__),
            "attack": _one(left, "Attack", list(attacks), plan.attack, attacks.__getitem__),
            "eps": _one(right, "ε", EPS, plan.eps, str),
            "pairs": left.number_input("Pairs", 1, 200, plan.pairs),
            "seed": right.number_input("Seed", 0, 2**31 - 1, plan.seed),
        }
        if st.form_submit_button("Use these"):
            _to_address(new)
            st.rerun()
    quiet("The address of this page is the study: whoever opens it sees the same pairs.")
    st.download_button(
        "Settings as a file",
        as_file(plan),
        f"radar-reader-study-{plan.key()[:8]}.json",
        "application/json",
        icon=":material/download:",
        on_click="ignore",
    )
    st.file_uploader(
        "Settings from a file",
        type=["json"],
        key="readers.file",
        max_upload_size=1,
        on_change=_take_file,
    )
    if error := st.session_state.pop("readers.bad_file", ""):
        st.error(plain(sentence(error)), icon=":material/error:")


def _to_address(values: dict[str, Any]) -> None:
    usual = asdict(PairPlan())
    st.query_params.from_dict({k: str(v) for k, v in values.items() if v != usual[k]})


def _take_file() -> None:
    """What a file says, once: the controls may change it afterwards."""
    if (file := st.session_state["readers.file"]) is None:
        return
    try:
        _to_address(asdict(from_file(file.getvalue())))
    except RadarError as error:
        st.session_state["readers.bad_file"] = str(error)


def _one(place: Any, label: str, options: Any, now: str, title: Any) -> Any:
    there = list(options)
    return place.selectbox(label, there, there.index(now) if now in there else 0, format_func=title)


def _job(plan: PairPlan) -> Job:
    return device_jobs().submit(
        f"readers/{plan.key()}", _steps(plan), owner=visitor(), slot=SLOT, priority=BACKGROUND
    )


def _steps(plan: PairPlan) -> Steps:
    def steps(progress: Progress) -> Iterator[Any]:
        from radar_core.models.store import load_model

        yield from prepare_pairs(
            plan, open_offered(plan.data), load_model(plan.model), progress=progress
        )

    return steps


def _ahead(plan: PairPlan, reader: str) -> tuple[Pair, ...]:
    """The pairs that are made and not answered yet."""
    made = cast("Pairs | None", _job(plan).value)
    done = _done(plan, reader)
    return tuple(pair for pair in (made.pairs if made else ()) if pair.number not in done)


def _done(plan: PairPlan, reader: str) -> set[int]:
    return {a.number for a in answers(plan) if a.reader == reader}


def _waits(plan: PairPlan, reader: str) -> bool:
    """Whether the reader waits for a pair."""
    more = len(_done(plan, reader)) < plan.pairs
    return more and _job(plan).active and not _ahead(plan, reader)


def _show(plan: PairPlan, reader: str) -> bool:
    job, done = _job(plan), _done(plan, reader)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":gray[{plain(reader)}: {len(done)} of {plan.pairs} answered]")
        st.button("Leave", key="readers.leave", type="tertiary", on_click=_leave)
    if job.state == "failed":
        st.error(plain(sentence(job.error)), icon=":material/error:")
        return False
    st.progress(len(done) / plan.pairs)
    if len(done) >= plan.pairs:
        _outcome(plan, reader)
        return False
    ahead = _ahead(plan, reader)
    if ahead:
        _pair(plan, reader, ahead[0])
    else:
        quiet(f"The next pair is being made: {plain(job.note)}")
    return job.active and not ahead


def _pair(plan: PairPlan, reader: str, pair: Pair) -> None:
    """Two pictures that say nothing of which they are, and the two answers."""
    seen = st.session_state.get(SEEN)
    if seen is None or seen[0] != (reader, pair.number):
        seen = st.session_state[SEEN] = ((reader, pair.number), time.monotonic())
    for column, (side, key) in zip(st.columns(2, gap="medium"), SIDES.items(), strict=True):
        picture = pair.left if side == "left" else pair.right
        # Left to itself, Streamlit makes a JPEG of it, and the attack is gone.
        alt = f"Pair {pair.number}, the {side} picture"
        column.image(picture, width="stretch", alt=alt, output_format="PNG")
        column.button(
            f"{side.capitalize()} was attacked",
            key=f"readers.{side}",
            shortcut=key,
            width="stretch",
            on_click=_answer,
            args=(plan, reader, pair, side, seen[1]),
        )
    st.segmented_control(
        "How sure are you? You need not say.", SURE, key=_sure_key(pair), format_func=str.capitalize
    )
    if error := st.session_state.pop("readers.error", ""):
        st.error(plain(sentence(error)), icon=":material/error:")


def _sure_key(pair: Pair) -> str:
    """Of each pair its own, so that a word for one is none for the next."""
    return f"readers.sure.{pair.number}"


def _answer(plan: PairPlan, reader: str, pair: Pair, side: Any, since: float) -> None:
    when = datetime.now(UTC).isoformat(timespec="seconds")
    sure = st.session_state.get(_sure_key(pair)) or ""
    try:
        add_answer(plan, pair, reader, side, when, time.monotonic() - since, sure)
    except RadarError as error:
        st.session_state["readers.error"] = str(error)


def _leave() -> None:
    st.session_state[LEFT] = st.session_state.pop(READER, "")
    device_jobs().release(visitor(), SLOT)


def _outcome(plan: PairPlan, reader: str = "") -> None:
    """What readers found who have answered all; of the others, only how far they are."""
    given = answers(plan)
    if not given:
        return
    found = results(given)
    whole = [r for r in found if r.answered >= plan.pairs]
    own = next((r for r in whole if r.reader == reader), None)
    if own is not None:
        st.markdown(
            f"**You found {own.right} of {own.answered}**: {percent(own.accuracy)}, 95 % interval "
            f"{percent(own.low)} to {percent(own.high)}. Guessing finds one half."
        )
    st.markdown("###### The readers")
    st.table(
        [
            {
                "Reader": plain(r.reader),
                "Answered": f"{r.answered} of {plan.pairs}",
                "Found": f"{r.right}" if r in whole else "—",
                "Accuracy": percent(r.accuracy) if r in whole else "—",
                "95 % interval": f"{percent(r.low)} to {percent(r.high)}" if r in whole else "—",
                "Median time": f"{r.seconds:.1f} s",
            }
            for r in found
        ],
        border="horizontal",
        alt="Readers, what they answered and found",
    )
    left = st.session_state.get(LEFT)
    if left and not reader and not any(r.reader == left for r in whole):
        quiet("The answers say which is which: download them once you have answered all pairs.")
        return
    complete = [a for a in given if any(a.reader == r.reader for r in whole)]
    name, kappa, pairs = agreement(complete)
    if name:
        value = "not defined, as all gave one answer" if math.isnan(kappa) else f"{kappa:.2f}"
        quiet(f"Agreement of {len(whole)} readers on {pairs} pairs: {name} {value}; 0 is chance.")
    if complete:
        st.download_button(
            "Download the answers as CSV",
            as_csv(complete),
            f"radar-reader-study-{plan.key()[:8]}.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
        )
    quiet("95 % Wilson intervals. Research software, not a medical device.")
