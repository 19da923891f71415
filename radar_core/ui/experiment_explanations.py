"""What explanations show of an attack: AUROC against benign noise, medians, a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import streamlit as st

from radar_core.experiments import words
from radar_core.experiments.background import Experiment
from radar_core.ui.experiment_data import Tables, consistency, consistency_steps
from radar_core.ui.experiment_parts import chart, choice, show_table
from radar_core.ui.jobs import Job, summary_jobs
from radar_core.ui.palette import ground, palette
from radar_core.ui.polling import polled, visitor
from radar_core.ui.text import plain, quiet, sentence

if TYPE_CHECKING:
    from pandas import DataFrame

SLOT = "experiments.consistency"


def explanations(one: Experiment, found: Tables) -> None:
    """The choice of model and metric, and what they show."""
    from radar_core.metrics import METRICS

    headline = [name for name in METRICS if METRICS[name].role == "headline"]
    metrics = {words.metric_title(name): name for name in [*headline, *METRICS]}
    models = list(dict.fromkeys(found.robustness.model.astype(str)))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        model = choice("Model", models, "explanations.model")
        metric = metrics[choice("Metric", list(metrics), "explanations.metric")]
    written = consistency(one.folder)
    if written is not None:
        if len(written):  # of nothing turned it has no columns either
            written = written[(written.model == model) & (written.metric == metric)]
        _show(found, written, metric)
        return
    key = f"consistency/{one.folder}/{found.state}/{model}/{metric}"
    job = summary_jobs().submit(
        key, consistency_steps(one.folder, model, metric), owner=visitor(), slot=SLOT
    )

    def look() -> bool:
        return _look(found, summary_jobs().get(key, visitor()), metric)

    polled(look, active=job.active)


def _look(found: Tables, job: Job | None, metric: str) -> bool:
    if job is None:
        quiet("Stopped.")
        return False
    if job.active:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.progress(job.fraction, text=f"{job.fraction:.0%} · {plain(job.note or 'waiting')}")
            st.button("Cancel", key="experiments.unsummarise", type="tertiary", on_click=_cancel)
    elif job.state == "failed":
        st.error(plain(sentence(job.error)), icon=":material/error:")
    if job.value is not None:
        _show(found, cast("DataFrame", job.value), metric)
    return job.active


def _cancel() -> None:
    summary_jobs().release(visitor(), SLOT)


def _show(found: Tables, table: DataFrame, metric: str) -> None:
    """The heat map, the medians beside their noise floor, the numbers."""
    from radar_core import figures_experiment as figures

    if not len(table):
        quiet("No attack turned a reading, or nothing was explained yet: nothing to tell apart.")
        return
    table = table.assign(**{n: table[n].astype(str) for n in ("explainer", "attack", "eps")})
    table = found.in_order(table)
    spec = found.spec
    explainers = {e: words.explainer_title(e) for e in spec.explainers}
    explainers = {e: title for e, title in explainers.items() if e in set(table.explainer)}
    there = set(zip(table.attack, table.eps, strict=True))
    frames = [(a, e) for a in spec.attacks for e in spec.frames(a) if (a, e) in there]
    columns = {(a, e): words.frame_title(a, e).replace("at ε ", "") for a, e in frames}
    title = words.metric_title(metric)
    st.subheader("Does the map tell the attack from benign noise?", anchor=False)
    heat, said = st.columns([3, 2], gap="large", vertical_alignment="center")
    with heat:
        chart(
            figures.aurocs(table, columns, explainers, ground=ground(), colours=palette()),
            f"AUROC of {title} for each attack and ε (rows) and explainer (columns); the table "
            "below has the numbers.",
            "auroc",
        )
    with said:
        quiet(
            "AUROC: the chance that the map of an attacked image departs more from the clean one "
            "than that of an image with harmless noise of the same size. 0.5 is chance, 1 tells "
            "all apart; 95 % intervals by resampling whole images. Only images that the attack "
            "turned count. The clean image has to be at hand: this is no detector of images that "
            "come alone."
        )
    attack = _attack([a for a in spec.attacks if a in set(table.attack)])
    st.subheader(
        f"{title}: attacked beside benign noise, {words.attack_title(attack)}", anchor=False
    )
    eps = {e: words.eps_title(e) for a, e in frames if a == attack}
    names = list(explainers)
    for start in range(0, len(names), 3):
        row = names[start : start + 3]
        for column, explainer in zip(st.columns(len(row), gap="large"), row, strict=True):
            here = table[(table.explainer == explainer) & (table.attack == attack)]
            if len(here):
                with column:
                    st.markdown(f"**{plain(explainers[explainer])}**")
                    chart(
                        figures.medians(here, eps, title, palette()),
                        f"Median of {title} for {explainers[explainer]} at each ε with quartiles: "
                        "attacked images, and benign noise of the same size.",
                        f"medians.{explainer}",
                    )
    st.subheader("Every number", anchor=False)
    show_table(words.detection_rows(table), "detection")


def _attack(attacks: list[str]) -> str:
    titles = {words.attack_title(attack): attack for attack in attacks}
    return titles[choice("Attack", list(titles), "explanations.attack")]
