"""The evaluation of a model on a set: controls, the job, figures, tables, charts, downloads."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any, cast

import streamlit as st

from radar_core.errors import RadarError
from radar_core.ui.compute import data_names, evaluation_steps, split_names
from radar_core.ui.job_status import job_status
from radar_core.ui.jobs import BACKGROUND, Job, device_jobs
from radar_core.ui.palette import ground, palette
from radar_core.ui.polling import polled, visitor
from radar_core.ui.text import data_title, plain, quiet, sentence

if TYPE_CHECKING:
    from radar_core.evaluation import Evaluation

SLOT, RUNNING = "evaluate", "evaluate.key"
UP_FRONT = ("accuracy", "balanced_accuracy", "auc", "f1", "ece")
CHART = {"displayModeBar": False}


def evaluate() -> None:
    """The whole page under its title."""
    from radar_core.models.store import list_models

    models = {info.name: info.title for info in list_models()}
    if not models:
        st.info("There is no model yet: python -m radar_core train --help says how to make one.")
        return
    left, between, right, go = st.columns([3, 2, 3, 2], vertical_alignment="bottom")
    data = left.selectbox(
        "Data", data_names(), key="evaluate.data", format_func=data_title, persist_state="session"
    )
    try:
        splits = split_names(data)
    except RadarError as error:
        st.error(plain(sentence(str(error))), icon=":material/error:")
        return
    split = between.selectbox(
        "Split",
        splits,
        index=splits.index("test") if "test" in splits else 0,
        key=f"evaluate.split.{data}",
        format_func=lambda name: "all images" if name == "all" else name,
        help="Figures on the images that a model was trained on flatter it.",
        persist_state="session",
    )
    model = right.selectbox(
        "Model",
        list(models),
        key="evaluate.model",
        format_func=models.__getitem__,
        persist_state="session",
    )
    key = f"evaluate/{data}/{split}/{model}"
    if go.button("**Evaluate**", width="stretch", key="evaluate.go"):
        device_jobs().forget(key)
        st.session_state[RUNNING] = key
        device_jobs().submit(
            key,
            evaluation_steps(data, split, model),
            owner=visitor(),
            slot=SLOT,
            priority=BACKGROUND,
            lasting=True,
        )
    running = st.session_state.get(RUNNING)
    job = device_jobs().get(running, visitor()) if running else None
    if job is None:
        quiet(
            "A thousand images take about a minute on a CPU; you may leave the page meanwhile. "
            "Research software, not a medical device."
        )
        return
    polled(lambda: _show(cast(str, running)), active=job.active)


def _show(key: str) -> bool:
    job: Job | None = device_jobs().get(key, visitor())
    active = job_status(job, key="evaluate.stop", stop=_stop)
    found = cast("Evaluation | None", job.value if job else None)
    if found is not None:
        _report(found)
    return active


def _stop() -> None:
    device_jobs().release(visitor(), SLOT)
    st.session_state.pop(RUNNING, None)


def _report(found: Evaluation) -> None:
    from radar_core.evaluation.words import (
        TITLES,
        basis,
        cautions,
        class_rows,
        interval_of,
        surety,
        table_row,
        value_of,
    )
    from radar_core.models.store import list_models

    titles = {info.name: info.title for info in list_models()}
    for said in cautions(found):
        st.warning(plain(said), icon=":material/info:")
    with st.container(horizontal=True, gap="small"):
        for name in UP_FRONT:
            estimate = found.figures[name]
            st.metric(
                TITLES[name],
                f"{value_of(name, estimate)} %",
                interval_of(name, estimate) or None,
                delta_color="off",
                delta_arrow="off",
                width=160,
            )
    quiet(plain(basis(found)))
    st.subheader("In per cent, as Table II of RADAR-MIX", anchor=False)
    _table([table_row(found, titles)])
    confusions, curves = st.columns(2, gap="large")
    from radar_core import figures_evaluation as figures

    colours = palette()
    with confusions:
        st.subheader("What is read as what", anchor=False)
        _chart(figures.confusions(found, ground(), colours[0]), _confusions_said(found), "confused")
    with curves:
        st.subheader("ROC curves", anchor=False)
        _chart(
            figures.roc(found, colours),
            "ROC curve of each class against the rest; the areas stand in the table of classes.",
            "roc",
        )
    st.subheader("Each class against the rest, in per cent", anchor=False)
    _table(class_rows(found))
    calibration, words = st.columns(2, gap="large")
    with calibration:
        st.subheader("Reliability", anchor=False)
        _chart(
            figures.reliability(found, colours),
            "Share read right at each winning probability with 95 % intervals, and the number of "
            "images beneath. A calibrated model lies on the diagonal.",
            "reliability",
        )
    with words:
        st.subheader("How sure it is", anchor=False)
        for line in surety(found):
            st.markdown(plain(line))
        _take_away(found)
    quiet(
        f"Took {found.seconds:.1f} s. Calibration error: Guo et al. 2017, arXiv:1706.04599. "
        "Research software, not a medical device."
    )


def _chart(figure: Any, alt: str, key: str) -> None:
    st.plotly_chart(figure, config=CHART, alt=alt, key=f"evaluate.{key}")


def _table(rows: list[dict[str, str]]) -> None:
    st.table([{key: plain(text) for key, text in row.items()} for row in rows], border="horizontal")


def _confusions_said(found: Evaluation) -> str:
    """The chart's main message for who cannot see it."""
    wrong = found.confusion.copy()
    for k in range(len(wrong)):
        wrong[k, k] = 0
    labels = list(found.per_class)
    said = "Counts of true class (rows) and class read (columns)."
    if not wrong.any():
        return f"{said} No image is read as another class."
    row, column = divmod(int(wrong.argmax()), len(labels))
    count = int(wrong[row, column])
    return f"{said} Most often confused: {labels[row]} read as {labels[column]}, {count} images."


def _take_away(found: Evaluation) -> None:
    from radar_core.evaluation.words import predictions_csv

    words = ["python", "-m", "radar_core", "evaluate", "--data", found.data]
    words += [] if found.split == "all" else ["--split", found.split]
    st.code(shlex.join([*words, "--model", found.model, "--json"]), language=None, wrap_lines=True)
    with st.container(horizontal=True, gap="small"):
        st.download_button(
            "Figures as JSON",
            lambda: json.dumps(found.as_dict(), indent=2, ensure_ascii=False, allow_nan=False),
            "radar-evaluation.json",
            "application/json",
            icon=":material/download:",
            on_click="ignore",
        )
        st.download_button(
            "Readings as CSV",
            lambda: predictions_csv(found),
            "radar-predictions.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
        )
