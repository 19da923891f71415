"""The gallery: a page of images with what is known of each, the survey that finds it out."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import streamlit as st

from radar_core.settings import ROOT
from radar_core.ui import gallery_link as link
from radar_core.ui import link as case_link
from radar_core.ui.compute import Thumbnails, thumbnail_steps
from radar_core.ui.gallery_filters import filters, query, source
from radar_core.ui.gallery_jobs import survey_key, survey_steps
from radar_core.ui.jobs import BACKGROUND, Job, device_jobs, picture_jobs
from radar_core.ui.polling import polled, visitor
from radar_core.ui.text import plain, quiet, sentence
from radar_core.ui.viewer import component
from radar_core.view.blob import pack

if TYPE_CHECKING:
    from radar_core.data import DataSet
    from radar_core.survey import Figures, Query, Survey
    from radar_core.types import Entry

PER_PAGE, SIDE = 48, 112
SLOT, STOPPED, OPENED = "survey", "gallery.stopped", "gallery.opened"
_mount = component("gallery")


def gallery() -> None:
    """The whole page under its title."""
    from radar_core.models.store import list_models
    from radar_core.survey import SurveySettings, select, to_csv

    link.read()
    data = source()
    if data is None:
        return
    card = next(info.card for info in list_models() if info.name == link.get("model"))
    axis = SurveySettings().axis()
    filters(data, card["class_names"], axis)
    link.write()
    for said in link.said():
        st.warning(plain(sentence(said)), icon=":material/link_off:")
    polled(lambda: _show(data, axis), active=_active(data), every=0.6)

    # Whoever makes the file when it is asked for knows nothing of this session.
    job, known, wanted = _job(), _known(), query()

    def csv() -> str:
        survey = _newest(data, job, known)
        return to_csv(select(data.entries, survey, wanted), survey)

    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.download_button(
            "What is shown as CSV",
            csv,
            "radar-gallery.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
            key="gallery.csv",
        )
        quiet(
            "Smallest flipping ε: the smallest of "
            f"{len(axis)} ε up to {axis[-1]} at which FGSM turns the reading. Focus kept: top-k "
            "overlap of Grad-CAM there, 0.05 by chance. Research software, not a medical device."
        )


def _of() -> tuple[str, str, str]:
    return link.get("data"), link.get("split"), link.get("model")


def _job() -> Job | None:
    """The survey; None where this visitor has stopped it."""
    if st.session_state.get(STOPPED) == _of():
        return None
    return device_jobs().submit(
        survey_key(*_of(), compute=True),
        survey_steps(*_of(), compute=True),
        owner=visitor(),
        slot=SLOT,
        priority=BACKGROUND,
    )


def _known() -> Job:
    """What was found earlier; it does not wait for whatever uses the device."""
    return picture_jobs().submit(
        survey_key(*_of(), compute=False),
        survey_steps(*_of(), compute=False),
        owner=visitor(),
        slot="gallery.known",
    )


def _survey(data: DataSet, job: Job | None) -> Survey:
    return _newest(data, job, _known())


def _newest(data: DataSet, job: Job | None, known: Job) -> Survey:
    from radar_core.survey import Survey

    found = job.value if job is not None and job.value is not None else known.value
    return found or Survey(len(data))


def _active(data: DataSet) -> bool:
    """Whether more is to come."""
    from radar_core.survey import select

    job = _job()
    shown = select(data.entries, _survey(data, job), query())
    return bool(job and job.active) or _known().active or _thumbs(data, shown).active


def _page(entries: Sequence[Entry]) -> tuple[int, int, Sequence[Entry]]:
    """The page shown, from 0, how many there are, and its entries."""
    pages = max(1, math.ceil(len(entries) / PER_PAGE))
    page = min(link.get("page"), pages) - 1
    return page, pages, entries[page * PER_PAGE : (page + 1) * PER_PAGE]


def _thumbs(data: DataSet, entries: Sequence[Entry]) -> Job:
    """The thumbnails of this page; those of the next one are made after them."""
    page, _, shown = _page(entries)
    ahead = entries[(page + 1) * PER_PAGE : (page + 2) * PER_PAGE]
    made = _pictures(data, shown, "gallery")
    if not made.active and ahead:
        _pictures(data, ahead, "gallery.ahead", BACKGROUND)
    return made


def _pictures(data: DataSet, entries: Sequence[Entry], slot: str, priority: int = 0) -> Job:
    ids = [entry.id for entry in entries]
    digest = hashlib.sha256("\0".join([data.name, *ids]).encode()).hexdigest()[:20]
    return picture_jobs().submit(
        f"gallery:{digest}",
        thumbnail_steps(link.get("data"), ids, SIDE),
        owner=visitor(),
        slot=slot,
        priority=priority,
    )


def _show(data: DataSet, axis: Sequence[str]) -> bool:
    """The part that is looked at again and again; says whether more is to come."""
    from radar_core.survey import figures, select

    job = _job()
    survey = _survey(data, job)
    entries = select(data.entries, survey, query())
    thumbs = _thumbs(data, entries)
    _status(job, survey)
    page, pages, shown = _page(entries)
    made = thumbs.value or Thumbnails()
    first = page * PER_PAGE
    header = {
        "items": [_item(entry, survey) for entry in shown],
        "strip": _strip(figures(entries, survey), data, axis),
        "form": link.get("form"),
        "current": st.session_state.get(OPENED, ""),
        "page": page,
        "pages": pages,
        "range": f"{first + 1:,}–{first + len(shown):,} of {len(entries):,}" if shown else "",
        "none": _none(job, survey),
    }
    result = _mount(
        key="gallery",
        data=pack(header, made.pictures),
        on_page_change=_turn,
        on_open_change=lambda: None,
    )
    for note in survey.notes:
        quiet(plain(sentence(note)))
    if not shown:
        st.button("Clear filters", key="gallery.clear_all", on_click=link.clear)
    if result.open is not None:
        _open(str(result.open), survey, axis)
    if result.page is not None:
        st.rerun()
    return bool(job and job.active) or _known().active or thumbs.active


def _none(job: Job | None, survey: Survey) -> str:
    if job is not None and job.active and _needs_more(query()):
        return (
            f"No image fits these filters yet: {len(survey.rows):,} of {survey.total:,} are read."
        )
    return "No image fits these filters."


def _needs_more(wanted: Query) -> bool:
    """Whether more images may fit once more is known."""
    from radar_core.survey import Query as Whole

    return replace(wanted, label="all", order="given", falling=False) != Whole()


def _status(job: Job | None, survey: Survey) -> None:
    """One line of constant height: how far the survey is."""
    with st.container(
        horizontal=True, vertical_alignment="center", height=44, border=False, gap="small"
    ):
        skipped = f" {len(survey.unreadable):,} cannot be read." if survey.unreadable else ""
        if job is not None and job.state == "failed":
            st.markdown(f":orange[:material/error: {plain(sentence(job.error))}]")
            st.button("Try again", key="gallery.again", type="tertiary", on_click=_again)
        elif job is not None and job.active:
            note = "waiting for another computation" if job.state == "waiting" else job.note
            st.progress(job.fraction, text=f"Survey: {job.fraction:.0%} · {plain(note)}")
            st.button("Stop", key="gallery.stop", type="tertiary", on_click=_stop)
        elif survey.complete:
            quiet(f"All {len(survey.rows):,} images are read and attacked with FGSM.{skipped}")
        else:
            quiet(
                f"Stopped: {len(survey.rows):,} of {survey.total:,} images are read, "
                f"{survey.attacked:,} attacked.{skipped}"
            )
            st.button("Go on", key="gallery.go", type="tertiary", on_click=_go_on)


def _stop() -> None:
    device_jobs().release(visitor(), SLOT)
    picture_jobs().forget(survey_key(*_of(), compute=False))
    st.session_state[STOPPED] = _of()


def _go_on() -> None:
    st.session_state.pop(STOPPED, None)


def _again() -> None:
    device_jobs().forget(survey_key(*_of(), compute=True))
    _go_on()


def _turn() -> None:
    st.session_state[link.key("page")] = int(st.session_state["gallery"].page) + 1
    link.write()  # before the pictures: whoever opens one at once comes back to this page


def _open(id: str, survey: Survey, axis: Sequence[str]) -> None:
    """Show an image's case, with the attack of the survey at its smallest flipping ε."""
    st.session_state[OPENED] = id
    row = survey.rows.get(id)
    wanted = {"data": link.get("data"), "image": id, "model": link.get("model")}
    if row is not None and row.effect is not None:
        wanted |= {"attack": "fgsm", "eps": row.effect.eps or axis[-1]}
    case_link.forget()
    st.switch_page(ROOT / "pages" / "case.py", query_params=wanted)


def _item(entry: Entry, survey: Survey) -> dict[str, Any]:
    from radar_core.survey.table import is_right

    row, right = survey.rows.get(entry.id), is_right(entry, survey.rows.get(entry.id))
    effect = row.effect if row else None
    return {
        "id": entry.id,
        "truth": entry.label or "",
        "read": row.reading if row else "",
        "sure": row.probability if row else None,
        "mark": "" if right is None else "right" if right else "wrong",
        "eps": "" if effect is None else effect.eps or "none",
        "focus": effect.overlap if effect else None,
        "why": survey.unreadable.get(entry.id, ""),
    }


def _strip(found: Figures, data: DataSet, axis: Sequence[str]) -> list[list[str]]:
    """Value, unit and name of what the images shown have in common."""
    flip = "–"
    if found.flip is not None:
        flip = f"> {axis[-1]}" if math.isinf(found.flip) else f"{found.flip * 255:.3g}/255"
    focus = "–" if found.focus is None else f"{found.focus:.2f}"
    cells = [["Images", f"{found.images:,}", f"of {len(data):,}"]]
    for title, share, kind in (
        ("Read right", found.right, ""),
        (f"Turned by FGSM at {found.at}", found.turned, " read right"),
    ):
        low, high = share.interval
        said = f"{100 * low:.0f} to {100 * high:.0f} % of {share.of:,}{kind}" if share.of else ""
        cells.append([title, f"{100 * share.value:.1f} %" if share.of else "–", said])
    cells.append(["Median smallest flipping ε", flip, "of those read right"])
    cells.append(["Median focus kept", focus, "0.05 by chance"])
    return cells
