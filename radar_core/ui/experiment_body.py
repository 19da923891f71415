"""The page of experiments: the one that is looked at, all there are, and a new one."""

from __future__ import annotations

import streamlit as st

from radar_core.errors import RadarError
from radar_core.experiments import background
from radar_core.experiments.background import Experiment, find, remove
from radar_core.experiments.words import asked, progress
from radar_core.settings import settings
from radar_core.ui.experiment_form import RUN, form
from radar_core.ui.experiment_run import show
from radar_core.ui.polling import polled
from radar_core.ui.text import data_title, plain, quiet, sentence

EVERY = 1.0  # seconds between two looks at runs that are listed
UP_FRONT = 6  # experiments that are listed before the others are folded away
ICONS = {
    "running": ":material/play_circle:",
    "paused": ":material/pause_circle:",
    "stopped": ":material/stop_circle:",
    "failed": ":material/error:",
    "done": ":material/check_circle:",
}


def experiments() -> None:
    """The whole page under its title."""
    folder = settings().experiments_path
    named = st.query_params.get(RUN, "")
    one = find(folder, named) if named else None
    if one is not None:
        if st.button("All experiments", icon=":material/arrow_back:", key="experiments.all"):
            del st.query_params[RUN]
            st.rerun()
        show(one)
    else:
        if named:
            st.info(plain(sentence(f"There is no experiment called {named[:60]!r} here")))
        st.subheader("New experiment", anchor=False)
        form()
        _list()
    quiet("Research software, not a medical device.")


def _list() -> None:
    listed = background.experiments(settings().experiments_path)
    if not listed:
        return
    st.subheader("Experiments", anchor=False)
    polled(_rows, active=any(one.condition == "running" for one in listed), every=EVERY)


def _rows() -> bool:
    listed = background.experiments(settings().experiments_path)
    for one in listed[:UP_FRONT]:
        _row(one)
    if listed[UP_FRONT:]:
        with st.expander(f"{len(listed) - UP_FRONT} earlier ones", key="experiments.earlier"):
            for one in listed[UP_FRONT:]:
                _row(one)
    return any(one.condition == "running" for one in listed)


def _row(one: Experiment) -> None:
    """An experiment in the list: its name, how far it is, what it computes."""
    with st.container(border=True, key=f"experiments.row.{one.name}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if st.button(
                f"**{plain(one.name)}**",
                key=f"experiments.open.{one.name}",
                icon=ICONS[one.condition],
                help="Show it",
            ):
                st.query_params[RUN] = one.name
                st.rerun(scope="app")
            said: str = one.condition
            if one.course is not None or one.active:
                said += f" · {progress(one)}"
            st.markdown(plain(said))
            if (
                one.spec is None
                and not one.active
                and st.button("Remove", key=f"experiments.remove.{one.name}", type="tertiary")
            ):
                _remove(one)
        if one.error:
            quiet(plain(sentence(one.error)))
        if one.spec is not None:
            quiet(plain(asked(one.spec, data_title(one.spec.data))))


def _remove(one: Experiment) -> None:
    try:
        remove(one)
    except RadarError as error:
        st.error(plain(sentence(str(error))), icon=":material/error:")
    else:
        st.rerun(scope="app")
