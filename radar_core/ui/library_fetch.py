"""Fetching a data set from the page: what it is, the download under way, and how without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from radar_core.ui.jobs import Job, fetch_jobs
from radar_core.ui.library_jobs import fetch_steps, for_the_page
from radar_core.ui.library_said import SAID, changed, said, say
from radar_core.ui.polling import polled
from radar_core.ui.text import plain, quiet, sentence

if TYPE_CHECKING:
    from radar_core.data.fetching import Offer

EVERYONE = "everyone"  # downloads belong to no visit: they go on when it ends
SEEN = "library.fetching"  # names of downloads that this visit has seen under way
SET, SIDE, MIRROR = "library.fetch.set", "library.fetch.side", "library.fetch.mirror"


def fetching() -> None:
    """Choose a set, read what it is, fetch it."""
    from radar_core.data.fetching import offers

    every = offers()
    st.markdown("##### Or fetch a public one")
    _ended(every)
    said("fetch")
    _under_way(every)
    one = _chosen(every)
    if one is None:
        st.info("No set can be fetched here: pip install medmnist offers eleven.")
        return
    _about(one)
    _button(one)
    _by_hand(one)


def _chosen(every: tuple[Offer, ...]) -> Offer | None:
    by_id: dict[str, list[Offer]] = {}
    for offer in every:
        by_id.setdefault(offer.id, []).append(offer)
    if not by_id:
        return None
    left, right = st.columns([3, 2])
    id = left.selectbox(
        "Set",
        list(by_id),
        key=SET,
        format_func=lambda id: by_id[id][0].title.partition(",")[0],
        persist_state="session",
    )
    sizes = {offer.side: offer for offer in by_id[id]}
    if len(sizes) == 1:
        return by_id[id][0]
    sides = list(sizes)
    side = right.selectbox(
        "Size of its images",
        sides,
        index=sides.index(64) if 64 in sides else 0,
        key=f"{SIDE}.{id}",
        format_func=lambda side: f"{side}×{side} pixels",
        persist_state="session",
    )
    return sizes[side]


def _about(one: Offer) -> None:
    st.markdown(plain(one.about))
    rows = {
        "Images": f"{one.images:,}, {len(one.classes)} classes: {', '.join(one.classes)}",
        "Download": one.size,
        "Licence": one.licence,
        "To cite": one.citation,
    }
    lines = [f"- {word}: {plain(text)}" for word, text in rows.items()]
    st.markdown("\n".join([*lines, f"- More: <{one.homepage}>"]))


def _button(one: Offer) -> None:
    from radar_core.data.fetching import find_fetched
    from radar_core.data.fetching.archive import in_words
    from radar_core.data.fetching.run import already, is_running

    job = _job(one)
    if job is not None and job.active:
        return
    if job is None and is_running(one):
        quiet("Another process of this machine is fetching it.")
        return
    here = find_fetched(one.name) is not None
    st.button(
        "**Fetch again**" if here else "**Fetch**",
        icon=":material/download:",
        key="library.fetch.go",
        on_click=_fetch,
        args=(one,),
    )
    if not here and (have := already(one)):
        quiet(f"{in_words(have)} of its files are here; it goes on from there.")
    quiet("Fetching it accepts its licence. It goes on when you leave the page.")


def _fetch(one: Offer) -> None:
    st.session_state.pop(SAID, None)
    st.session_state[SEEN].add(one.name)  # a small one may have come before the next look
    fetch_jobs().forget(_key(one))
    fetch_jobs().submit(
        _key(one),
        fetch_steps(one, str(st.session_state.get(MIRROR) or "").strip()),
        owner=EVERYONE,
        slot=_key(one),
        lasting=True,
    )


def _key(one: Offer) -> str:
    return f"fetch/{one.name}"


def _job(one: Offer) -> Job | None:
    return fetch_jobs().get(_key(one), EVERYONE)


def _active(every: tuple[Offer, ...]) -> list[Offer]:
    return [one for one in every if (job := _job(one)) is not None and job.active]


def _ended(every: tuple[Offer, ...]) -> None:
    """Say which of the downloads that were under way at the last look have come."""
    seen: set[str] = st.session_state.setdefault(SEEN, set())
    for one in every:
        job = _job(one)
        if one.name in seen and (job is None or not job.active):
            seen.discard(one.name)
            if job is not None and job.state == "done":
                changed()
                say("fetch", f"Fetched {one.title}; it is in the list")
        elif job is not None and job.active:
            seen.add(one.name)


def _under_way(every: tuple[Offer, ...]) -> None:
    """The downloads that run, wait or failed."""
    for one in every:
        job = _job(one)
        if job is not None and job.state == "failed":
            st.error(plain(sentence(for_the_page(job.error))), icon=":material/error:")
    active = _active(every)
    names = [one.name for one in active]

    def look() -> bool:
        for one in active:
            _progress(one)
        return [one.name for one in _active(every)] == names

    if names:
        polled(look, active=True)


def _progress(one: Offer) -> None:
    job = _job(one)
    if job is None or not job.active:
        return
    note = "waiting for another download" if job.state == "waiting" else job.note or "connecting"
    if job.stop.is_set():
        note = "stopping"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        text = f"{plain(one.title)}: {job.fraction:.0%} · {plain(note)}"
        st.progress(min(max(job.fraction, 0.0), 1.0), text=text)
        st.button(
            "Stop",
            key=f"library.fetch.stop.{one.name}",
            type="tertiary",
            on_click=_stop,
            args=(one,),
            help="What has come is kept, and it goes on from there the next time.",
        )


def _stop(one: Offer) -> None:
    fetch_jobs().release(EVERYONE, _key(one))


def _by_hand(one: Offer) -> None:
    from radar_core.data.fetching.run import downloads_of

    job = _job(one)
    failed = job is not None and job.state == "failed"
    with st.expander("Without a network here, or from a mirror", expanded=failed):
        st.markdown("Bring these files from elsewhere")
        urls = "\n".join(remote.url for remote in one.files)
        st.code(urls, language=None, wrap_lines=True)
        st.markdown("into this folder, under these names, and press Fetch:")
        st.code(str(downloads_of(one).expanduser().absolute()), language=None, wrap_lines=True)
        st.text_input(
            "Or the address of a mirror that has them",
            key=MIRROR,
            placeholder="https://…",
            persist_state="session",
        )
