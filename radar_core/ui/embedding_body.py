"""The page Embedding: which points, laid out how, the plane, and what a loop holds as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import streamlit as st

from radar_core.errors import RadarError
from radar_core.experiments.plane import METHODS, has_umap
from radar_core.settings import ROOT
from radar_core.ui import link as case_link
from radar_core.ui.compute import data_names
from radar_core.ui.embedding_jobs import Plane, blob, plane_steps
from radar_core.ui.embedding_source import Source, source
from radar_core.ui.jobs import JobStore, device_jobs, layout_jobs
from radar_core.ui.palette import palette
from radar_core.ui.polling import polled, visitor
from radar_core.ui.text import plain, quiet, sentence
from radar_core.ui.viewer import component

if TYPE_CHECKING:
    from pandas import DataFrame

    from radar_core.experiments.embedding import Points
    from radar_core.ui.jobs import Job

RUNNING, STOPPED, CHOSEN = "embedding.running", "embedding.stopped", "embedding.chosen"
SIDE = 96  # of a thumbnail
SLOT, PLANE_SLOT = "embedding.points", "embedding.plane"
HEADS = {
    "image": "Image",
    "label": "True class",
    "attack": "Attack",
    "eps": "ε",
    "reads": "Reading",
    "status": "What the attack did",
}
_mount = component("embedding", "plot")
_hand = component("thumbs")


def embedding() -> None:
    """The whole page under its title."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        wanted = source()
        if wanted is None:
            return
        method = st.selectbox(
            "Plane",
            list(METHODS),
            key="embedding.method",
            format_func=METHODS.__getitem__,
            persist_state="session",
            width=110,
        )
        started = not wanted.asked or st.session_state.get(RUNNING) == wanted.key
        if wanted.asked:
            st.button("**Compute**", key="embedding.go", on_click=_go, args=(wanted.key,))
    if method == "umap" and not has_umap():
        st.info("UMAP is not installed; `pip install umap-learn` adds it. PCA and t-SNE are here.")
        return
    if not started or st.session_state.get(STOPPED) == (wanted.key, method):
        _nothing(wanted, method)
        return
    points, plane = _jobs(wanted, method)
    active = (
        points.active or (plane is None and points.state == "done") or bool(plane and plane.active)
    )
    polled(lambda: _status(wanted, method), active=active)
    if plane is not None and plane.state == "done":
        _plot(wanted, cast(Plane, plane.value), f"{wanted.key}/{method}")


def _nothing(wanted: Source, method: str) -> None:
    """What stands in the place of the plane before it is asked for, or after it was stopped."""
    if st.session_state.get(STOPPED) == (wanted.key, method):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            quiet("Stopped.")
            st.button("Go on", key="embedding.on", type="tertiary", on_click=_go_on)
        return
    quiet(
        "The images are attacked in the background, which can be cancelled. The points of an "
        "experiment that was run with `--features` are there at once."
    )


def _store(wanted: Source) -> JobStore:
    return device_jobs() if wanted.asked else layout_jobs()


def _jobs(wanted: Source, method: str) -> tuple[Job, Job | None]:
    """The points and, once they are there, their layout."""
    points = _store(wanted).submit(wanted.key, wanted.steps, owner=visitor(), slot=SLOT)
    if points.state != "done":
        return points, None
    plane = layout_jobs().submit(
        f"{wanted.key}/{method}",
        plane_steps(cast("Points", points.value), method),
        owner=visitor(),
        slot=PLANE_SLOT,
    )
    return points, plane


def _status(wanted: Source, method: str) -> bool:
    """How far it is, in one line; says whether more is to come."""
    if st.session_state.get(STOPPED) == (wanted.key, method):
        return False
    points, plane = _jobs(wanted, method)
    job = plane or points
    if job.state == "failed":
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.error(plain(sentence(job.error)), icon=":material/error:")
            st.button("Try again", key="embedding.again", on_click=_again, args=(wanted, method))
    elif job.active:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            note = "waiting for another computation" if job.state == "waiting" else job.note
            st.progress(job.fraction, text=f"{job.fraction:.0%} · {plain(note)}")
            st.button(
                "Cancel",
                key="embedding.stop",
                type="tertiary",
                on_click=_stop,
                args=(wanted, method),
            )
    return job.active


def _go(key: str) -> None:
    if _failed(key):
        device_jobs().forget(key)
    st.session_state[RUNNING] = key
    _go_on()


def _failed(key: str) -> bool:
    job = device_jobs().get(key, visitor())
    return job is not None and job.state == "failed"


def _go_on() -> None:
    st.session_state.pop(STOPPED, None)


def _stop(wanted: Source, method: str) -> None:
    _store(wanted).release(visitor(), SLOT)
    layout_jobs().release(visitor(), PLANE_SLOT)
    st.session_state[STOPPED] = (wanted.key, method)


def _again(wanted: Source, method: str) -> None:
    _store(wanted).forget(wanted.key)
    layout_jobs().forget(f"{wanted.key}/{method}")


@st.fragment
def _plot(wanted: Source, plane: Plane, key: str) -> None:
    """The plane. Asked for a thumbnail or told of a loop, it alone runs again."""
    table = plane.points.table
    images = int((table["clean"] == table.index).sum())
    data = blob(plane, palette())
    result = _mount(
        key="embedding.plane",
        data=data,
        on_open_change=lambda: None,
        on_lasso_change=lambda: None,
        on_thumb_change=lambda: None,
    )
    if result.open is not None:
        _open(wanted, plane, int(result.open["point"]))
    if result.lasso is not None:
        st.session_state[CHOSEN] = (key, [int(n) for n in result.lasso["points"]])
    _thumbs(wanted, table, result.thumb)
    quiet(
        f"{len(table):,} points: {images:,} images, clean and attacked, laid out together. "
        f"{plain(plane.said)} Wheel or + and − zoom, a drag moves, a click opens the case."
    )
    of, chosen = st.session_state.get(CHOSEN, ("", []))
    if of == key and chosen:
        _chosen(plane, chosen)


def _thumbs(wanted: Source, table: DataFrame, asked: Any) -> None:
    """Hand the component the thumbnail that it asked for; the clean image's stands for both."""
    from radar_core.data.thumbnails import thumbnail
    from radar_core.ui.compute import open_offered
    from radar_core.view.blob import pack

    pictures = {}
    if asked is not None and str(asked) in set(table["image"]) and wanted.data in data_names():
        try:
            data = open_offered(wanted.data)
            pictures = {str(asked): thumbnail(data, data.find(str(asked)), SIDE)}
        except RadarError:
            pictures = {}
    _hand(key="embedding.thumbs", data=pack({}, pictures))


def _open(wanted: Source, plane: Plane, point: int) -> None:
    """Show the case of a point, attacked as it was."""
    if wanted.data not in data_names():
        st.warning(
            f"{plain(wanted.data)} is not offered here; add it on the page Library to open cases.",
            icon=":material/link_off:",
        )
        return
    row = plane.points.table.iloc[point]
    query = {"data": wanted.data, "image": row["image"], "model": wanted.model}
    if row["attack"]:
        query |= {"attack": row["attack"], **wanted.parameters(row["attack"])}
        query |= {"eps": row["eps"]} if row["eps"] != "own" else {}
    case_link.forget()
    st.switch_page(ROOT / "pages" / "case.py", query_params=query)


def chosen_table(plane: Plane, chosen: list[int]) -> DataFrame:
    """The points of a loop, a row each."""
    rows = [n for n in chosen if 0 <= n < len(plane.points)]
    table = plane.points.table.iloc[rows][list(HEADS)].rename(columns=HEADS)
    place = plane.place[rows]
    return table.assign(x=place[:, 0], y=place[:, 1])


def _chosen(plane: Plane, chosen: list[int]) -> None:
    table = chosen_table(plane, chosen)
    turned = int((table[HEADS["status"]] == "flipped").sum())
    attacked = int((table[HEADS["attack"]] != "").sum())
    st.subheader(f"Selection: {len(table):,} points", anchor=False)
    quiet(f"{len(table) - attacked:,} clean, {attacked:,} attacked, of which {turned:,} flipped.")
    st.dataframe(table, hide_index=True, height=320, key="embedding.table")
    st.download_button(
        "The selection as CSV",
        lambda: table.to_csv(index=False),
        "radar-embedding.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
        key="embedding.csv",
    )
