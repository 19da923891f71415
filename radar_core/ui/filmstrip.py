"""The filmstrip: a page of thumbnails, filters by class and by reading."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from radar_core.ui import link
from radar_core.ui.compute import (
    Readings,
    Thumbnails,
    chosen,
    find_index,
    reading_steps,
    thumbnail_steps,
)
from radar_core.ui.jobs import BACKGROUND, Job, device_jobs, picture_jobs
from radar_core.ui.polling import polled, visitor
from radar_core.ui.text import plain
from radar_core.ui.viewer import component
from radar_core.view.blob import pack

if TYPE_CHECKING:
    from radar_core.data import DataSet
    from radar_core.types import Entry

PER_PAGE, SIDE = 12, 96
MOST_PROBLEMS = 20
SHOW = {"any": "Any", "right": "Read right", "wrong": "Misread"}
_mount = component("filmstrip")


def filmstrip(data: DataSet, current: str, model: str) -> None:
    """Choose an image of a data set."""
    classes = ["all", *data.class_names]
    link.choose("class", classes, "class called")
    link.choose("show", list(SHOW), "filter called")
    name = data.name
    reading = _wanted_readings(name, model)
    thumbs = _thumbnails(data, current, reading)
    polled(
        lambda: _strip(data, current, model),
        active=reading_active(name, model) or bool(thumbs and thumbs.active),
    )
    left, right = st.columns([5, 4], gap="xsmall")
    # One field for each image: a browser that has not heard yet of the image chosen last still
    # says what the field held before, which must not choose that one again.
    image = st.session_state["image"]
    left.text_input(
        "Image",
        image,
        key=f"image/{image}",
        placeholder="id or number",
        label_visibility="collapsed",
        on_change=_type,
        args=(image,),
    )
    with right.popover("Filter", width="stretch"):
        st.selectbox(
            "Class",
            classes,
            key="class",
            format_func=lambda c: "All classes" if c == "all" else c,
            on_change=_first_page,
            persist_state="session",
        )
        st.segmented_control(
            "Reading",
            list(SHOW),
            key="show",
            format_func=SHOW.__getitem__,
            required=True,
            on_change=_first_page,
            help="What the model reads without an attack. The set is read in the background.",
            persist_state="session",
        )
        st.caption(plain(data.found))
        if data.problems:
            st.caption(f"Skipped: {len(data.problems):,}")
            for problem in data.problems[:MOST_PROBLEMS]:
                st.caption(f"{plain(problem.name)}: {plain(problem.why)}")


def _first_page() -> None:
    st.session_state["film.page"] = 0


def _readings_key(name: str, model: str) -> str:
    return "readings:" + hashlib.sha256(f"{name}\0{model}".encode()).hexdigest()[:20]


def _wanted_readings(name: str, model: str) -> Readings | None:
    """The readings so far; asked for only while the filter needs them."""
    key, store, owner = _readings_key(name, model), device_jobs(), visitor()
    if st.session_state["show"] == "any":
        store.release(owner, "readings")
        job = store.get(key, owner)
    else:
        job = store.submit(
            key, reading_steps(name, model), owner=owner, slot="readings", priority=BACKGROUND
        )
    return job.value if job else None


def reading_active(name: str, model: str) -> bool:
    """Whether this visitor waits for the readings of the set."""
    job = device_jobs().get(_readings_key(name, model), visitor())
    return bool(job and job.active and st.session_state["show"] != "any")


def _page(entries: Sequence[Entry], current: str) -> tuple[int, Sequence[Entry]]:
    """The page shown: the one turned to, else the one with the current image."""
    page = st.session_state.get("film.page")
    if page is None:
        page = (find_index(entries, current) or 0) // PER_PAGE
    page = min(max(int(page), 0), max(0, (len(entries) - 1) // PER_PAGE))
    return page, entries[page * PER_PAGE : (page + 1) * PER_PAGE]


def _shown(data: DataSet, readings: Readings | None) -> Sequence[Entry]:
    return chosen(data, st.session_state["class"], st.session_state["show"], readings)


def _thumbnails(data: DataSet, current: str, readings: Readings | None) -> Job | None:
    _, entries = _page(_shown(data, readings), current)
    ids = [entry.id for entry in entries]
    if not ids:
        return None
    key = "thumbs:" + hashlib.sha256("\0".join([data.name, *ids]).encode()).hexdigest()[:20]
    return picture_jobs().submit(
        key, thumbnail_steps(data.name, ids, SIDE), owner=visitor(), slot="thumbnails"
    )


def _strip(data: DataSet, current: str, model: str) -> bool:
    """One page of the strip; says whether more is to come."""
    readings = _wanted_readings(data.name, model)
    entries = _shown(data, readings)
    page, shown = _page(entries, current)
    job = _thumbnails(data, current, readings)
    made = job.value if job and job.value else Thumbnails()
    labels = readings.labels if readings else {}
    first = page * PER_PAGE
    header = {
        "items": [_item(entry, labels) for entry in shown],
        "current": current,
        "page": page,
        "pages": -(-len(entries) // PER_PAGE),
        "range": f"{first + 1}–{first + len(shown)} of {len(entries):,}" if shown else "0 images",
        "none": "None of this kind yet." if readings else "No image of this kind.",
    }
    result = _mount(
        key="filmstrip",
        data=pack(header, made.pictures),
        on_chosen_change=_choose,
        on_page_change=_turn,
    )
    waiting = reading_active(data.name, model)
    if st.session_state["show"] != "any" and readings is not None:
        more = "…" if waiting else ""
        st.caption(f"{readings.done:,} of {readings.total:,} images read{more}")
    if result.chosen is not None or result.page is not None:
        st.rerun()
    return waiting or bool(job and job.active)


def _item(entry: Entry, labels: dict[str, str]) -> dict[str, str]:
    read = labels.get(entry.id)
    title = f"{entry.id}, {entry.label or 'no label'}"
    if read is None or entry.label is None:
        return {"id": entry.id, "title": title, "mark": ""}
    mark = "right" if read == entry.label else "wrong"
    return {"id": entry.id, "title": f"{title}, read as {read}", "mark": mark}


def _choose() -> None:
    st.session_state["image"] = st.session_state["filmstrip"].chosen


def _type(before: str) -> None:
    if st.session_state["image"] == before:
        st.session_state["image"] = st.session_state[f"image/{before}"]


def _turn() -> None:
    st.session_state["film.page"] = st.session_state["filmstrip"].page
