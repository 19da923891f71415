"""One experiment as a visitor sees it: how far it is, pause, stop, go on, and what it found."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from radar_core.errors import RadarError
from radar_core.experiments.background import Experiment, ask, find, go_on
from radar_core.experiments.words import asked, progress
from radar_core.ui.experiment_results import results
from radar_core.ui.polling import polled
from radar_core.ui.text import data_title, plain, quiet, sentence
from radar_core.wording import count

EVERY, RESULTS_EVERY = 1.0, 4.0  # seconds between two looks


def show(one: Experiment) -> None:
    """An experiment under way, paused, stopped, failed or done."""
    folder, name = one.folder.parent, one.name
    st.subheader(plain(name), anchor=False)

    def status() -> bool:
        found = find(folder, name)
        if found is None:
            quiet("It was removed.")
            return False
        _status(found)
        return found.active

    def found_so_far() -> bool:
        found = find(folder, name)
        if found is not None and found.spec is not None:
            results(found)
        return bool(found and found.active)

    polled(status, active=one.active, every=EVERY)
    polled(found_so_far, active=one.active, every=RESULTS_EVERY)


def _status(one: Experiment) -> None:
    """What it computes, how far it is, and what can be done about that."""
    if one.spec is not None:
        quiet(plain(asked(one.spec, data_title(one.spec.data))))
    if one.active:
        fraction = one.course.fraction if one.course is not None and not one.starting else 0.0
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.progress(min(fraction, 1.0), text=f"{fraction:.0%} · {plain(progress(one))}")
            _buttons(one)
        if one.course is not None and one.course.engine and not one.starting:
            quiet(plain(sentence(f"Computed by {one.course.engine}")))
    else:
        if one.condition == "stopped":
            said = f"{sentence(one.error)} {progress(one)}; what was computed is kept."
            st.info(plain(said), icon=":material/pause:")
        elif one.condition == "failed" or one.error:
            st.error(plain(sentence(one.error)), icon=":material/error:")
        again = one.condition in ("stopped", "failed") or _lacking(one)
        if again and one.spec is not None:
            st.button(
                "**Resume**",
                icon=":material/resume:",
                key="experiments.resume",
                on_click=_go_on,
                args=(one,),
                help="What is computed is kept; the rest is computed.",
            )
    _lost(one)


def _buttons(one: Experiment) -> None:
    if one.starting:
        return
    if one.condition == "paused" or one.wished == "pause":
        st.button(
            "**Resume**",
            key="experiments.unpause",
            type="tertiary",
            on_click=_ask,
            args=(one, "pause", False),
        )
    else:
        st.button(
            "**Pause**",
            key="experiments.pause",
            type="tertiary",
            on_click=_ask,
            args=(one, "pause", True),
            disabled=one.wished == "stop",
            help="The cells under way are finished first.",
        )
    st.button(
        "**Cancel**",
        key="experiments.cancel",
        type="tertiary",
        on_click=_ask,
        args=(one, "stop", True),
        disabled=one.wished == "stop",
        help="The cells under way are lost; what is computed is kept, and Resume goes on.",
    )


def _lacking(one: Experiment) -> bool:
    """Whether it ended with cells that could not be computed."""
    return one.course is not None and bool(one.course.failures)


def _lost(one: Experiment) -> None:
    """The cells that were given up."""
    failures = one.course.failures if one.course is not None and not one.starting else ()
    if not failures:
        return
    said = f"{count(len(failures), 'cell')} could not be computed"
    with st.expander(f":material/warning: {said}", key="experiments.lost"):
        for failure in failures[:20]:
            last = failure.error.strip().splitlines()[-1:] or [""]
            st.markdown(f"{plain(failure.cell)}: {plain(last[0][:300])}")
        quiet(plain(f"{one.log} has all that it said."))


def _ask(one: Experiment, what: Literal["pause", "stop"], wanted: bool) -> None:
    try:
        ask(one, what, wanted=wanted)
    except RadarError as error:
        st.error(plain(sentence(str(error))), icon=":material/error:")


def _go_on(one: Experiment) -> None:
    try:
        go_on(one)
    except RadarError as error:
        st.error(plain(sentence(str(error))), icon=":material/error:")
