"""The controls above the gallery: which images, by which model, filtered and sorted how."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from radar_core.errors import RadarError
from radar_core.ui import gallery_link as link
from radar_core.ui.compute import data_names, open_offered
from radar_core.ui.gallery_jobs import EVERY, part_of, splits_of
from radar_core.ui.text import data_title, plain, sentence

if TYPE_CHECKING:
    from radar_core.data import DataSet
    from radar_core.survey import Query

FORMS = {"tiles": "Tiles", "list": "List"}
KEPT: dict[str, Any] = {"persist_state": "session"}


def source() -> DataSet | None:
    """Choose the images and the model; None where there are none, and why is said."""
    from radar_core.models.store import list_models

    infos = list_models()
    models = {info.name: info.title for info in infos}
    names = data_names()
    if not models:
        st.info("There is no model yet: python -m radar_core train --help says how to make one.")
        return None
    link.choose("data", names)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        name = st.selectbox(
            "Data",
            names,
            key=link.key("data"),
            format_func=data_title,
            on_change=_other_data,
            width=260,
            help="To add a folder, a CSV file or a public data set, open the page Library.",
            **KEPT,
        )
        try:
            data = open_offered(name)
            splits = splits_of(data)
            if splits:
                link.choose("split", splits, "test" if "test" in splits else EVERY)
                st.selectbox(
                    "Split",
                    splits,
                    key=link.key("split"),
                    format_func=lambda s: "All images" if s == EVERY else s,
                    on_change=link.first_page,
                    width=150,
                    **KEPT,
                )
            else:
                st.session_state[link.key("split")] = ""
            shown = part_of(data, link.get("split"))
        except RadarError as error:
            shown, said = None, str(error)
        link.choose("model", list(models), _fitting(name, infos))
        st.selectbox(
            "Model",
            list(models),
            key=link.key("model"),
            format_func=models.__getitem__,
            on_change=link.first_page,
            width=300,
            **KEPT,
        )
    if shown is None:
        st.error(plain(sentence(said)), icon=":material/error:")
    return shown


def _fitting(data: str, infos: Sequence[Any]) -> str:
    """The model that was trained on these images, else the first there is."""
    from radar_core.models.matching import models_for

    return str((models_for(data, infos) or infos)[0].name)


def _other_data() -> None:
    """Other data have other classes, splits and models."""
    for name in ("split", "model", *link.FILTERS):
        st.session_state[link.key(name)] = link.DEFAULTS[name]
    link.first_page()


def filters(data: DataSet, class_names: Sequence[str], axis: Sequence[str]) -> None:
    """Choose what is shown, and in which order.

    Args:
        class_names: of the model.
        axis: the ε at which a reading can flip.
    """
    from radar_core.survey import FLIPS, ORDERS
    from radar_core.survey.table import ALL, RIGHT

    classes, readings = [ALL, *data.class_names], [ALL, *class_names]
    for name, options in (
        *(("class", classes), ("read", readings), ("show", list(RIGHT)), ("flip", list(FLIPS))),
        *(("most", ["", *axis]), ("sort", list(ORDERS))),
    ):
        link.choose(name, options)
    place: Any = st
    if on_phone():  # one beneath the other, they would fill its screen
        place = st.expander("Filters, order, form", icon=":material/filter_list:")
    with place.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        _segments("Reading", "show", RIGHT)
        _list("True class", "class", classes, {ALL: "All classes"})
        _list("Sort by", "sort", list(ORDERS), ORDERS, width=175)
        st.toggle(
            "Falling", key=link.key("falling"), on_change=link.first_page, width="content", **KEPT
        )
        with st.popover(_more_title(), icon=":material/filter_list:", width="content"):
            _list("Read as", "read", readings, {ALL: "Any class"}, width="stretch")
            _segments("Turned by FGSM", "flip", FLIPS)
            _list("Smallest flipping ε, at most", "most", ["", *axis], {"": "Any"}, width="stretch")
            _range("Confidence", "sure", "Probability of the class read.")
            _range(
                "Focus kept",
                "focus",
                "Share of the strongest tenth of Grad-CAM's pixels that stays, clean against "
                "attacked at the smallest flipping ε: 1 is all, 0.05 is chance.",
            )
            st.button("Clear filters", key="gallery.clear", on_click=link.clear, width="stretch")
        st.space("stretch")
        link.choose("form", list(FORMS))
        _segments("View", "form", FORMS, turns=False)


def on_phone() -> bool:
    """Whether the browser says that it is a phone's."""
    return "Mobi" in (st.context.headers.get("User-Agent") or "")


def query() -> Query:
    """What the session asks for."""
    from radar_core.survey import Query

    return Query(
        label=link.get("class"),
        reading=link.get("read"),
        right=link.get("show"),
        flip=link.get("flip"),
        sure=tuple(link.get("sure")),
        focus=tuple(link.get("focus")),
        most=link.get("most"),
        order=link.get("sort"),
        falling=link.get("falling"),
    )


def _more_title() -> str:
    held = sum(link.get(n) != link.DEFAULTS[n] for n in ("read", "flip", "most", "sure", "focus"))
    return f"More filters ({held})" if held else "More filters"


def _list(label: str, name: str, options: Sequence[str], titles: Any, width: Any = 160) -> None:
    st.selectbox(
        label,
        options,
        key=link.key(name),
        format_func=lambda value: str(titles.get(value, value)),
        on_change=link.first_page,
        width=width,
        **KEPT,
    )


def _segments(label: str, name: str, titles: Any, *, turns: bool = True) -> None:
    st.segmented_control(
        label,
        list(titles),
        key=link.key(name),
        format_func=titles.__getitem__,
        required=True,
        on_change=link.first_page if turns else None,
        **KEPT,
    )


def _range(label: str, name: str, help: str) -> None:
    st.slider(
        label,
        0.0,
        1.0,
        key=link.key(name),
        step=0.05,
        help=help,
        on_change=link.first_page,
        **KEPT,
    )
