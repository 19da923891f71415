"""The page that shows a story: which one, computed ahead if need be, then the story itself."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Any, cast

import streamlit as st

from radar_core.errors import RadarError
from radar_core.runtime import Progress
from radar_core.story import Prepared, Story, packed, prepare, prepared, read_story, stories
from radar_core.ui.address import Address
from radar_core.ui.component_files import PANELS
from radar_core.ui.jobs import BACKGROUND, Job, Steps, device_jobs
from radar_core.ui.polling import polled, visitor
from radar_core.ui.text import plain, quiet, sentence
from radar_core.ui.viewer import component

SLOT, NAME = "present", "present.story"
_PACKED = "present.packed"
ADDRESS = Address("present")
_mount = component("present", *PANELS)


def present() -> None:
    """The whole page."""
    there = list(stories())
    if not there:
        st.info("There is no story. Put a .toml file into the folder stories/.")
        return
    _read_link(there)
    if len(there) > 1:
        st.selectbox("Story", there, key=NAME, persist_state="session")
    name = st.session_state[NAME]
    if st.query_params or name != there[0]:
        ADDRESS.write({"story": name})
    for said in ADDRESS.said():
        st.warning(plain(said), icon=":material/link_off:")
    try:
        story = read_story(name)
        state = prepared(story)
    except RadarError as error:
        st.error(plain(sentence(str(error))), icon=":material/error:")
        return
    if state.done:
        _mount(key="present", data=_blob(state))
        return
    st.title(plain(story.title), anchor=False)
    _ahead(story, state)


def _read_link(there: Sequence[str]) -> None:
    """Take over the story that the address names."""
    given = {k: v for k, v in st.query_params.to_dict().items() if k == "story"}
    if ADDRESS.asks(given):
        ADDRESS.hush()
        if given["story"] in there:
            st.session_state[NAME] = given["story"]
        else:
            ADDRESS.say(f"There is no story {given['story'][:60]!r} here.")
        ADDRESS.taken()
    if st.session_state.get(NAME) not in there:
        st.session_state[NAME] = there[0]


def _blob(state: Prepared) -> bytes:
    """Packed once a visit: it holds all pictures of all steps."""
    last = st.session_state.get(_PACKED)
    if last is None or last[0] != (state.story, state.files):
        last = st.session_state[_PACKED] = ((state.story, state.files), packed(state))
    return cast(bytes, last[1])


def _ahead(story: Story, state: Prepared) -> None:
    """Compute what is missing."""
    key = f"present/{story.name}/{','.join(file.stem for file in state.files)}"
    job = device_jobs().get(key, visitor())
    st.markdown(
        f"{len(story.steps)} steps, {len(state.missing)} of them still to be computed. After that "
        "nothing is waited for, and no network is needed."
    )
    if job is None or job.state in ("failed", "done"):
        if job is not None and job.state == "failed":
            st.error(plain(sentence(job.error)), icon=":material/error:")
        if st.button("**Prepare**", key="present.go"):
            device_jobs().forget(key)
            device_jobs().submit(
                key, _steps(story), owner=visitor(), slot=SLOT, priority=BACKGROUND, lasting=True
            )
            st.rerun()
        quiet("Or ahead of time, on this machine:")
        st.code(shlex.join(["python", "-m", "radar_core", "prepare", story.name]), language=None)
    else:
        polled(lambda: _show(key), active=True)
    with st.expander("The steps", icon=":material/list:", expanded=True):
        for number, step in enumerate(story.steps, 1):
            st.markdown(f"{number}. {plain(step.caption)}")


def _steps(story: Story) -> Steps:
    def steps(progress: Progress) -> Iterator[Any]:
        yield from prepare(story, progress)

    return steps


def _show(key: str) -> bool:
    job: Job | None = device_jobs().get(key, visitor())
    if job is None or not job.active:
        return False
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        note = "waiting for another computation" if job.state == "waiting" else job.note
        st.progress(job.fraction, text=f"{job.fraction:.0%} · {plain(note)}")
        st.button("Stop", key="present.stop", type="tertiary", on_click=_stop)
    return True


def _stop() -> None:
    device_jobs().release(visitor(), SLOT)
