"""The data sets of the library: a card each, and adding a folder by its path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from radar_core.errors import BadParameter
from radar_core.settings import ROOT
from radar_core.ui.library_said import act, ask, cards, changed, heading, removal, said
from radar_core.ui.text import plain, quiet, sentence

if TYPE_CHECKING:
    from radar_core.data.library import Offered, Summary
    from radar_core.models.store import ModelInfo

PATH = "library.path"
MOST = 20  # skipped images named, and classes


def data_sets(local: bool) -> None:
    """All that are offered, two a row; those of one's own can be taken out `local`ly."""
    from radar_core.data.library import offered, summary
    from radar_core.models.store import list_models

    said("data")
    infos, every = list_models(), offered()
    for number, (place, one) in enumerate(zip(cards(len(every)), every, strict=True)):
        key = f"library.data.{number}"
        with place, st.container(border=True, height="stretch", key=key):
            _card(one, summary(one), infos, local, key)


def _card(one: Offered, found: Summary, infos: list[ModelInfo], local: bool, key: str) -> None:
    from radar_core.models.matching import models_for

    fitting = models_for(one.name, infos)
    licence = "MIT" if one.kind == "phantom" else str(one.source.get("licence", ""))
    heading(one.title, synthetic=found.synthetic, licence=licence)
    if found.error:
        why = found.error if local else "It cannot be opened at the moment"
        st.warning(plain(sentence(why)), icon=":material/warning:")
    else:
        st.markdown(plain(sentence(found.found)))
        quiet(f"Classes: {_listed(found.class_names)}")
        _read_by(fitting)
        _skipped(found)
    _whence(one, local)
    with st.container(horizontal=True, gap="small"):
        if not found.error:
            _ways_on(one, fitting, key)
        if local and one.kind == "added":
            st.button(
                "Forget",
                icon=":material/playlist_remove:",
                key=f"{key}.forget",
                help="It leaves the list; its files are untouched.",
                on_click=act,
                args=("data", _forget, one.name),
            )
        if local and one.kind == "fetched":
            st.button(
                "Remove…",
                icon=":material/delete:",
                key=f"{key}.remove",
                on_click=ask,
                args=(f"{key}.sure",),
            )
    if local and one.kind == "fetched":
        question = f"Remove {plain(one.title)} from this disk?"
        removal(f"{key}.sure", question, "data", _remove, one.name)


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - MOST:,} more" if len(names) > MOST else ""
    return plain(", ".join(names[:MOST]) + more)


def _read_by(fitting: list[ModelInfo]) -> None:
    from radar_core.models.matching import titles

    if fitting:
        quiet(f"Read by: **{plain(titles(fitting))}**, trained on these images.")
    else:
        quiet("Read by: no model here was trained on these images.")


def _skipped(found: Summary) -> None:
    if not found.problems:
        return
    count = len(found.problems)
    with st.expander(f"{count:,} {'was' if count == 1 else 'were'} skipped"):
        lines = [f"{problem.name} {problem.why}" for problem in found.problems[:MOST]]
        if count > MOST:
            lines.append(f"and {count - MOST:,} more")
        st.markdown("\n".join(f"- :small[:gray[{plain(line)}]]" for line in lines))


def _whence(one: Offered, local: bool) -> None:
    """Where it comes from; where it lies on the disk concerns nobody elsewhere."""
    path = f": {plain(str(one.path))}" if local else ""
    if one.kind == "fetched":
        quiet(f"Cite: {plain(str(one.source.get('citation', '')))}")
        quiet(f"Fetched on {plain(str(one.source.get('fetched', '')))}{path}")
    elif one.kind == "added":
        quiet(f"Added by its path{path}")
    elif one.kind == "settings":
        quiet(f"From RADAR\\_DATA{path}")
    else:
        quiet("Drawn by RADAR itself; no patient's image is in it.")


def _ways_on(one: Offered, fitting: list[ModelInfo], key: str) -> None:
    """To the pages that work with it, the data chosen there and a model that fits."""
    if st.button("Open a case", icon=":material/radiology:", key=f"{key}.case"):
        query = {"data": one.name} | ({"model": fitting[0].name} if fitting else {})
        st.switch_page(ROOT / "pages" / "case.py", query_params=query)
    if st.button("Evaluate", icon=":material/monitoring:", key=f"{key}.evaluate"):
        st.session_state["evaluate.data"] = one.name
        if fitting:
            st.session_state["evaluate.model"] = fitting[0].name
        st.switch_page(ROOT / "pages" / "evaluate.py")
    if st.button("Train", icon=":material/model_training:", key=f"{key}.train"):
        st.session_state["train.data"] = one.name
        st.switch_page(ROOT / "pages" / "train.py")


def add_by_path() -> None:
    """A folder or a CSV file on this machine."""
    with st.form("library.add", border=False):
        field, go = st.columns([5, 1], vertical_alignment="bottom")
        field.text_input(
            "A folder or CSV file on this machine",
            key=PATH,
            placeholder="/path/to/images",
            help="A folder per class; or images and a CSV file with the columns image and label. "
            "The images stay where they are.",
        )
        go.form_submit_button(
            "**Add**", key="library.add.go", width="stretch", on_click=act, args=("add", _add)
        )
    said("add")


def _add() -> str:
    from radar_core.data.library import add_folder

    one, data = add_folder(st.session_state[PATH])
    changed()
    st.session_state[PATH] = ""
    return f"Added {one.title}: {data.found}"


def _forget(name: str) -> str:
    from radar_core.data.library import forget

    one = forget(name)
    changed()
    return f"Took {one.title} from the list; its files are untouched"


def _remove(name: str) -> str:
    from radar_core.data.fetching import find_fetched, remove_fetched

    found = find_fetched(name)
    if found is None:
        raise BadParameter(f"there is no fetched set called {name} any more")
    remove_fetched(found)
    changed()
    return f"Removed {found.title} from this disk"
