"""What an experiment found: the main finding, then robustness, explanations, readings, images."""

from __future__ import annotations

import math
from collections.abc import Callable

import streamlit as st

from radar_core.experiments import words
from radar_core.experiments.background import Experiment
from radar_core.ui.experiment_data import Tables, consistency, tables
from radar_core.ui.experiment_downloads import downloads
from radar_core.ui.experiment_explanations import explanations
from radar_core.ui.experiment_images import images
from radar_core.ui.experiment_parts import KEPT, chart, choice, show_table
from radar_core.ui.palette import ground, palette
from radar_core.ui.text import plain, quiet
from radar_core.wording import count

MOST_ROWS = 200


def results(one: Experiment) -> None:
    """All that there is by now."""
    found = tables(one.folder, active=one.active)
    if not len(found.robustness):
        if one.active:
            quiet("The first cells are being computed.")
        elif len(found.failures):
            _failures(found)
        return
    st.markdown(f"#### {plain(words.finding(found.robustness, whole=one.condition == 'done'))}")
    written = consistency(one.folder)
    if written is not None and (said := words.betrayal(written)):
        st.markdown(plain(said))
    _strip(one, found)
    views: dict[str, tuple[str, Callable[[Experiment, Tables], None]]] = {
        "robustness": ("Robustness", _robustness),
        "explanations": ("Explanations", explanations),
        "readings": ("Readings", _readings),
        "images": ("Images", images),
        "transfer": ("Transfer", _transfer),
        "cost": ("Cost", _cost),
        "paper": ("As in the paper", _paper),
    }
    if not found.spec.explainers:
        del views["explanations"]
    if not found.spec.transfer:
        del views["transfer"]
    view = st.segmented_control(
        "View",
        list(views),
        default="robustness",
        key="experiments.view",
        format_func=lambda name: views[name][0],
        required=True,
        label_visibility="collapsed",
        **KEPT,
    )
    views[view if view in views else "robustness"][1](one, found)
    _failures(found)
    downloads(one)


def _strip(one: Experiment, found: Tables) -> None:
    """What is asked for first: how many images, how well they are read, the weakest point."""
    table = found.robustness
    known = table[table.success_of > 0]
    with st.container(horizontal=True, gap="small"):
        asked = one.spec.images if one.spec is not None else 0
        seen = int(found.rows[found.rows.kind == "outcome"].image.nunique())
        _metric(
            "Images", f"{seen:,}", f"of {asked:,} asked for" if seen < asked else "all asked for"
        )
        if table.images.max() > 0:
            # The frame with most images says best how well images are read before an attack.
            clean = table.loc[table.images.idxmax()]
            low, high = words.interval(clean.accuracy_low, clean.accuracy_high).split(" to ")
            name = f" · {clean.model}" if table.model.nunique() > 1 else ""
            _metric(f"Accuracy{name}", f"{100 * clean.accuracy:.0f} %", f"{low} to {high}")
            worst = words.least(table, table.robust_accuracy)
            _metric(
                "Least robust accuracy",
                f"{100 * worst.robust_accuracy:.0f} %",
                words.frame_title(str(worst.attack), str(worst.eps)),
            )
        if len(known):
            worst = words.least(known, -known.success)
            _metric(
                "Most turned",
                f"{100 * worst.success:.0f} %",
                words.frame_title(str(worst.attack), str(worst.eps)),
            )
        smallest = float(found.images.smallest.median()) if len(found.images) else math.nan
        if math.isfinite(smallest):
            turned = int(found.images.smallest.notna().sum())
            _metric("Median smallest ε", f"{smallest:.2g}/255", f"of {turned:,} turned in L∞")


def _metric(title: str, value: str, below: str) -> None:
    st.metric(title, value, below, delta_color="off", delta_arrow="off", width=188, border=True)


def _robustness(one: Experiment, found: Tables) -> None:
    from radar_core import figures_experiment as figures

    colours, table = palette(), found.robustness
    titles = {a: words.attack_title(a) for a in dict.fromkeys(table.attack.astype(str))}
    units = list(dict.fromkeys(found.curves.unit))
    models = list(dict.fromkeys(table.model.astype(str)))
    for unit in units:
        here = found.curves[found.curves.unit == unit]
        for start in range(0, len(models), 2):
            row = models[start : start + 2]
            columns = st.columns(len(row), gap="large")
            for column, model in zip(columns, row, strict=True):
                of_model = here[here.model == model]
                if len(of_model):
                    with column:
                        st.markdown(f"**{plain(model)}**")
                        chart(
                            figures.success(of_model, unit, colours, titles),
                            f"Share of the images that {model} had read right which each attack "
                            "turns at each ε, with 95 % intervals; the table below has the "
                            "numbers.",
                            f"success.{unit}.{model}",
                        )
    quiet(
        "Turned: of the images read right before (of all, where none has a label), with 95 % "
        "Wilson intervals; under attack: of all, those read right before and after. A curve of an "
        "attack that seeks the nearest example is the share of images whose nearest example lies "
        "within ε. A no-op changed nothing, or had no gradient: that is not robustness."
    )
    show_table(words.robustness_rows(table, models=len(models) > 1), "robustness")


def _readings(one: Experiment, found: Tables) -> None:
    from radar_core import figures_experiment as figures
    from radar_core.experiments.summary import confusion

    table = found.robustness
    model = choice("Model", list(dict.fromkeys(table.model.astype(str))), "readings.model")
    frames = {
        words.frame_title(str(r.attack), str(r.eps)): (str(r.attack), str(r.eps))
        for r in table[table.model == model].itertuples()
    }
    frame = choice("Attack", list(frames), "readings.frame", last=True)
    attack, eps = frames[frame]
    counts = confusion(found.rows, model, attack, eps)
    left, right = st.columns([3, 4], gap="large")
    with left:
        st.subheader("First reading against the new one", anchor=False)
        chart(
            figures.readings(counts, ground(), palette()[1]),
            "Counts of the first reading (rows) against the reading after the attack (columns).",
            "confusion",
        )
    with right:
        st.subheader("By true class", anchor=False)
        here = found.by_class(model, attack, eps)
        if len(here):
            rows = words.robustness_rows(here, models=False, label=True)
            for row in rows:
                del row["Attack"], row["ε"]
            show_table(rows, "by_class")
        else:
            quiet("None of the images has a label.")


def _cost(one: Experiment, found: Tables) -> None:
    quiet(
        "Time of the workers together; passes are images that went through the model. Of an "
        "explainer: all maps of that model, with their comparison."
    )
    show_table(words.cost_rows(found.costs), "cost")


def _transfer(one: Experiment, found: Tables) -> None:
    quiet(
        "Of the images that an attack turned on its own model and that the other model read right: "
        "the share that turns the other, too, with 95 % Wilson intervals."
    )
    rows = [
        {
            "Attacked": str(row.model),
            "Tried on": str(row.tried_on),
            "Attack": words.frame_title(str(row.attack), str(row.eps)),
            "Turned": words.share(row, "success"),
            "of": f"{row.of:,}",
        }
        for row in found.transfer.itertuples()
    ]
    if rows:
        show_table(rows, "transfer")
    else:
        quiet("Nothing has been tried on another model yet.")


def _paper(one: Experiment, found: Tables) -> None:
    wide = found.paper
    models = [name for name in wide.columns if name not in ("attack", "eps")]
    rows = [
        {
            "Attack": words.attack_title(str(row["attack"])),
            "ε": words.eps_title(str(row["eps"])),
            **{name: words.number(row[name], 1) for name in models},
        }
        for row in wide.to_dict("records")
    ]
    quiet("Success rates in per cent, laid out as in the paper: models across, attacks down.")
    show_table(rows, "paper")
    if one.spec is not None and not any(e.startswith("normalised") for e in one.spec.eps):
        quiet(
            "The paper's ε are in normalised units (normalised:0.001 to 0.5), those of this "
            "experiment are not."
        )


def _failures(found: Tables) -> None:
    lost = found.failures
    if not len(lost):
        return
    with st.expander(
        f":material/warning: {count(len(lost), 'result')} could not be had",
        key="experiments.failures",
    ):
        rows = [
            {
                "Model": row.model,
                "Attack": words.attack_title(row.attack),
                "Explainer": words.explainer_title(row.explainer),
                "Image": row.image,
                "Why": row.error,
            }
            for row in lost.head(MOST_ROWS).itertuples()
        ]
        show_table(rows, "failures")
