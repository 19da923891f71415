"""The images of an experiment that are turned most and least easily, with a way to each case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import streamlit as st

from radar_core.experiments.background import Experiment
from radar_core.settings import ROOT
from radar_core.ui import link as case_link
from radar_core.ui.compute import Thumbnails, data_names, thumbnail_steps
from radar_core.ui.experiment_data import Tables
from radar_core.ui.experiment_parts import choice
from radar_core.ui.jobs import picture_jobs
from radar_core.ui.polling import polled, visitor
from radar_core.ui.text import plain, quiet

if TYPE_CHECKING:
    from pandas import DataFrame

SHOWN, SIDE = 6, 122


def images(one: Experiment, found: Tables) -> None:
    """The most fragile, the most robust, and all of them as a table."""
    table = found.images
    models = list(dict.fromkeys(table.model.astype(str)))
    if not models:
        quiet("No image has been attacked yet that was read right before.")
        return
    model = choice("Model", models, "images.model")
    table = table[table.model == model]
    fragile = table.head(SHOWN)
    robust = table.iloc[::-1].head(min(SHOWN, len(table) - len(fragile)))
    ids = [str(image) for image in [*fragile.image, *robust.image]]
    data = offered(one)
    job = None
    if data is not None:
        key = f"experiments.images/{data}/{','.join(ids)}"
        job = picture_jobs().submit(
            key, thumbnail_steps(data, ids, SIDE), owner=visitor(), slot="experiments.images"
        )

    def look() -> bool:
        made = Thumbnails()
        now = picture_jobs().get(job.key, visitor()) if job is not None else None
        if now is not None:
            made = now.value or made
        st.subheader("Turned most easily", anchor=False)
        _cards(one, found, fragile, made, data)
        if len(robust):
            st.subheader("Turned least easily", anchor=False)
            _cards(one, found, robust, made, data)
        return bool(now and now.active)

    polled(look, active=bool(job and job.active))
    quiet(
        "Of the images read right before: how many of the attacks and ε turn each, then the "
        "smallest ε in L∞ that did."
    )
    _all(one, found, table, data)


def offered(one: Experiment) -> str | None:
    """The data of an experiment as the other pages name it; None where they do not offer it."""
    from pathlib import Path

    if one.spec is None:
        return None
    for name in data_names():
        path = Path(name).expanduser()
        if name == one.spec.data or (path.exists() and str(path.resolve()) == one.spec.data):
            return name
    return None


def case_query(one: Experiment, found: Tables, row: Any, data: str) -> dict[str, str]:
    """What the address of an image's case says: with the attack that turned it most easily."""
    assert one.spec is not None
    frame = found.turned_by(str(row.model), str(row.image))
    if frame is None:
        attack = one.spec.attacks[-1]
        frame = attack, one.spec.frames(attack)[-1]
    attack, eps = frame
    query = {"data": data, "image": str(row.image), "model": str(row.model)}
    query |= {"attack": attack, "eps": eps}
    query |= {"seed": str(one.spec.seed)} if one.spec.seed else {}
    query |= {f"{attack}.{n}": str(v) for n, v in one.spec.parameters_of(attack).items()}
    explainers = ",".join(one.spec.explainers)
    return query | ({"explain": explainers} if explainers else {})


def _cards(
    one: Experiment, found: Tables, table: DataFrame, made: Thumbnails, data: str | None
) -> None:
    with st.container(horizontal=True, gap="small"):
        for row in table.itertuples():
            image = str(row.image)
            with st.container(border=True, width=SIDE + 34, gap="xsmall"):
                query = None if data is None else case_query(one, found, row, data)
                if image in made.pictures:
                    link = f"case?{urlencode(query, safe=',/')}" if query else None
                    st.image(made.pictures[image], width=SIDE, alt=image, link=link)
                elif data is not None:
                    st.skeleton(height=SIDE)
                quiet(plain(_said(row)))
                if query is not None and st.button(
                    plain(image),
                    key=f"experiments.case.{row.model}.{image}",
                    type="tertiary",
                    icon=":material/radiology:",
                    help="Open its case",
                ):
                    case_link.forget()
                    st.switch_page(ROOT / "pages" / "case.py", query_params=query)


def _said(row: Any) -> str:
    smallest = f", from {row.smallest:.2g}/255" if row.smallest == row.smallest else ""
    truth = (
        f"{row.label} read as {row.first}" if row.label and row.label != row.first else row.first
    )
    return f"{truth} · turned by {row.turned} of {row.frames}{smallest}"


def _all(one: Experiment, found: Tables, table: DataFrame, data: str | None) -> None:
    """Every image as a table that can be sorted and searched, with a link to its case."""
    with st.expander(f"All {len(table):,} images", key="experiments.images.all"):
        shown = table[["image", "label", "first", "turned", "frames", "smallest"]].astype(
            {"image": str, "label": str, "first": str}
        )
        if data is not None:
            shown = shown.assign(case=[_link(one, row, data) for row in table.itertuples()])
        config: dict[Any, Any] = {
            "image": "Image",
            "label": "Class",
            "first": "Read first as",
            "turned": "Turned by",
            "frames": "of attacks and ε",
            "smallest": st.column_config.NumberColumn("Smallest ε, of 255", format="%.2f"),
            "case": st.column_config.LinkColumn("Case", display_text="Open"),
        }
        st.dataframe(
            shown, hide_index=True, column_config=config, key="experiments.images.table", height=420
        )


def _link(one: Experiment, row: Any, data: str) -> str:
    """The address of a case by the first attack, which costs nothing to say for thousands."""
    assert one.spec is not None
    attack = one.spec.attacks[0]
    eps = one.spec.frames(attack)[-1]
    query = {"data": data, "image": str(row.image), "model": str(row.model), "attack": attack}
    return f"case?{urlencode({**query, 'eps': eps}, safe=',/')}"
