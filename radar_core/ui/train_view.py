"""One training as a visitor sees it: how far it is, its curves, how well its model does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from radar_core.errors import RadarError
from radar_core.settings import ROOT
from radar_core.training.background import Training, stop
from radar_core.training.workshop import Row, best_row
from radar_core.ui.palette import palette
from radar_core.ui.text import plain, quiet, sentence

STOPPING = "train.stopping"
CHART = {"displayModeBar": False}
UP_FRONT = ("accuracy", "balanced_accuracy", "auc", "f1", "ece")


def show(one: Training) -> None:
    """A training under way, stopped, failed or done."""
    title = str(one.card["title"]) if one.card and one.condition == "done" else one.name
    st.subheader(plain(title), anchor=False)
    if one.condition == "running":
        _running(one)
    else:
        st.session_state.pop(STOPPING, None)
    if one.condition == "failed":
        st.error(plain(sentence(one.error)), icon=":material/error:")
    elif one.condition == "unfinished":
        st.info(plain(sentence(_without_option(one.error))), icon=":material/pause:")
    elif one.condition == "done":
        _done(one)
    history = _history(one)
    _curves(history, _chosen(one, history))


def _running(one: Training) -> None:
    course = one.course
    fraction, note = (course.fraction, course.note) if course else (0.0, "starting")
    stopping = st.session_state.get(STOPPING) == one.name
    if stopping:
        note = "stopping; the best model so far is kept"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.progress(min(max(fraction, 0.0), 1.0), text=f"{fraction:.0%} · {plain(note)}")
        st.button(
            "**Stop**",
            key="train.stop",
            type="tertiary",
            on_click=_stop,
            args=(one,),
            disabled=stopping,
        )


def _stop(one: Training) -> None:
    try:
        stop(one)
    except RadarError as error:
        st.error(plain(sentence(str(error))), icon=":material/error:")
    else:
        st.session_state[STOPPING] = one.name


def _without_option(error: str) -> str:
    """The words of a stop, without the option that a button stands for here."""
    return error.removesuffix("; --resume goes on")


def _done(one: Training) -> None:
    if one.folds is not None:
        _folds(one.folds)
        quiet(f"A model a fold lies in {plain(str(one.plan.out))}, the summary in folds.json.")
        return
    assert one.card is not None
    figures = one.card.get("figures", {}).get("test")
    if figures:
        _figures(figures)
    else:
        quiet("It was stopped before the test split was read; the page Evaluate reads it.")
    with st.container(horizontal=True, gap="medium"):
        st.page_link(
            ROOT / "pages" / "evaluate.py", label="Evaluate it", icon=":material/monitoring:"
        )
        st.page_link(
            ROOT / "pages" / "case.py",
            label="Attack and explain a case",
            icon=":material/radiology:",
            query_params={"model": one.name},
        )
    quiet(f"Stored as {plain(str(one.plan.file))}, its card beside it.")


def _figures(figures: Mapping[str, Any]) -> None:
    """The figures on the test split, from the model's card."""
    from radar_core.evaluation.result import Estimate
    from radar_core.evaluation.words import TITLES, interval_of, value_of

    with st.container(horizontal=True, gap="small"):
        for name in UP_FRONT:
            found = figures.get(name, {})
            ends = found.get("interval")
            estimate = Estimate(found.get("value"), (ends[0], ends[1]) if ends else None)
            st.metric(
                TITLES[name],
                f"{value_of(name, estimate)} %",
                interval_of(name, estimate) or None,
                delta_color="off",
                delta_arrow="off",
                width=160,
            )
    quiet(
        f"Of the {figures.get('images', 0):,} images of the test split, read once, with 95 % "
        "intervals; the page Evaluate shows more."
    )


def _folds(summary: Mapping[str, Any]) -> None:
    from radar_core.evaluation.words import TITLES

    rows = [
        {
            "Figure": TITLES[name],
            "Mean, %": f"{100 * found['mean']:.1f}",
            "Standard deviation": f"{100 * found['standard_deviation']:.1f}",
        }
        for name, found in summary.items()
        if name in TITLES
    ]
    st.markdown(f"Over {summary.get('folds')} folds, each tested on what it did not see:")
    st.table(rows, border="horizontal")


def _history(one: Training) -> list[Row]:
    """The epochs behind it; of cross-validation those of the last fold."""
    if one.course is not None:
        last = max((row.get("fold", 0) for row in one.course.history), default=0)
        return [row for row in one.course.history if row.get("fold", 0) == last]
    recipe = (one.card or {}).get("recipe", {})
    return list(recipe.get("history", ()))


def _chosen(one: Training, history: Sequence[Row]) -> float | None:
    """The epoch that is kept: what the card says, before there is one the best so far."""
    if one.condition == "done" and one.card is not None:
        found = one.card.get("recipe", {}).get("chosen_epoch")
        return float(found) if isinstance(found, int | float) else None
    best = best_row(history)
    return best["epoch"] if best else None


def _curves(history: Sequence[Row], chosen: float | None) -> None:
    from radar_core import figures_training as figures

    if not history:
        return
    colours = palette()
    kept = f" Epoch {chosen:.0f} is kept." if chosen is not None else ""
    if fold := history[-1].get("fold"):
        quiet(f"Fold {fold:.0f}:")
    left, right = st.columns(2, gap="large")
    left.plotly_chart(
        figures.losses_over_epochs(history, colours, chosen),
        config=CHART,
        key="train.losses",
        alt="Training loss and validation score at each epoch; lower is better." + kept,
    )
    right.plotly_chart(
        figures.rates_over_epochs(history, colours, chosen),
        config=CHART,
        key="train.rates",
        alt="Balanced accuracy and accuracy on the validation split at each epoch." + kept,
    )
    with st.expander("Every epoch, as a table", key="train.table"):
        st.table([_row(row, chosen) for row in history], border="horizontal")


def _row(row: Row, chosen: float | None) -> dict[str, str]:
    """An epoch in words; small ones are not judged, and the warm-up has no loss."""

    def said(key: str, factor: float = 1.0, digits: int = 3) -> str:
        return f"{factor * row[key]:.{digits}f}" if key in row else "–"

    name = f"{row['epoch']:.0f}" if row["epoch"] else "warm-up"
    return {
        "Epoch": f"{name}, kept" if row["epoch"] == chosen else name,
        "Training loss": said("loss"),
        "Validation score": said("val_score"),
        "Balanced accuracy, %": said("val_balanced_accuracy", 100, 1),
        "Accuracy, %": said("val_accuracy", 100, 1),
        "Seconds": said("seconds", digits=1),
    }
