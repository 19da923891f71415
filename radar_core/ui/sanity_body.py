"""The sanity lights of a model on a data set: controls, the job, lights, chart, table."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any, cast

import streamlit as st

from radar_core.epsilon import parse_epsilon
from radar_core.ui.compute import data_names, sanity_steps
from radar_core.ui.job_status import job_status
from radar_core.ui.jobs import BACKGROUND, Job, device_jobs
from radar_core.ui.palette import palette
from radar_core.ui.polling import polled, visitor
from radar_core.ui.text import data_title, plain, quiet
from radar_core.verdict import percent

if TYPE_CHECKING:
    from radar_core.sanity import Light, SanityReport

SLOT, RUNNING = "sanity", "sanity.key"
IMAGES = (16, 32, 64, 128, 256)
# Never red and green: a shape, a word and a colour of the theme for each.
STATES = {
    "good": (":material/check_circle:", "as it should be", "blue"),
    "doubtful": (":material/help:", "doubtful", "gray"),
    "bad": (":material/error:", "not as it should be", "orange"),
}


def sanity() -> None:
    """The whole page under its title."""
    from radar_core.models.store import list_models

    models = {info.name: info.title for info in list_models()}
    if not models:
        st.info("There is no model yet: python -m radar_core train --help says how to make one.")
        return
    left, middle, right, go = st.columns([3, 3, 2, 2], vertical_alignment="bottom")
    data = left.selectbox(
        "Data", data_names(), key="sanity.data", format_func=data_title, persist_state="session"
    )
    model = middle.selectbox(
        "Model",
        list(models),
        key="sanity.model",
        format_func=models.__getitem__,
        persist_state="session",
    )
    count = right.selectbox(
        "Images",
        IMAGES,
        index=1,
        key="sanity.images",
        help="Classes in turn. Only those read right at first are attacked.",
        persist_state="session",
    )
    key = f"sanity/{data}/{model}/{count}"
    if go.button("**Run the checks**", width="stretch", key="sanity.go"):
        device_jobs().forget(key)
        st.session_state[RUNNING] = key
        device_jobs().submit(
            key,
            sanity_steps(data, model, count, 0),
            owner=visitor(),
            slot=SLOT,
            priority=BACKGROUND,
            lasting=True,
        )
    running = st.session_state.get(RUNNING)
    job = device_jobs().get(running, visitor()) if running else None
    if job is None:
        quiet(
            "FGSM, PGD and random noise, at seven ε from 0.5/255 to 64/255. On a CPU this takes "
            "one to a few minutes; you may leave the page meanwhile."
        )
        return
    polled(lambda: _show(cast(str, running)), active=job.active)


def _show(key: str) -> bool:
    job: Job | None = device_jobs().get(key, visitor())
    active = job_status(job, key="sanity.stop", stop=_stop)
    report = cast("SanityReport | None", job.value if job else None)
    if report is not None:
        _report(report)
    return active


def _stop() -> None:
    device_jobs().release(visitor(), SLOT)
    st.session_state.pop(RUNNING, None)


def _report(report: SanityReport) -> None:
    from radar_core import figures
    from radar_core.attacks import ATTACKS
    from radar_core.models.store import list_models

    titles = {info.name: info.title for info in list_models()}
    low, high = report.clean.interval
    model = plain(titles.get(report.model, report.model))
    st.markdown(
        f"**{model}** reads {report.clean.hits} of {report.clean.of} images of "
        f"**{plain(data_title(report.data))}** right before any attack: "
        f"{percent(report.clean.value)}, 95 % interval {percent(low)} to {percent(high)}. "
        "Only these are attacked."
    )
    left, right = st.columns([6, 5], gap="large")
    with left:
        for light in report.lights:
            _light(light)
        if not report.lights:
            quiet("The lights come when every attack is done.")
    attacks = {id: cast(Any, ATTACKS[id]).title for id in report.success}
    if report.success:
        right.plotly_chart(
            figures.success_over_epsilon(report, attacks, palette()),
            config={"displayModeBar": False},
            alt="Share of images flipped at each ε, by attack, with 95 % intervals.",
            key="sanity.chart",
        )
        with st.expander("The figures", icon=":material/table:"):
            st.table(
                [
                    {"ε": parse_epsilon(eps).label}
                    | {
                        attacks[id]: f"{shares[i].hits} of {shares[i].of} "
                        f"({percent(shares[i].interval[0])} to {percent(shares[i].interval[1])})"
                        for id, shares in report.success.items()
                    }
                    for i, eps in enumerate(report.grid)
                ],
                border="horizontal",
            )
            quiet("Images flipped of those read right at first, with 95 % Wilson intervals.")
            words = ["python", "-m", "radar_core", "sanity", "--data", report.data]
            words += ["--model", report.model, "--images", str(report.clean.of), "--json"]
            st.code(shlex.join(words), language=None, wrap_lines=True)
            st.download_button(
                "Download as JSON",
                json.dumps(report.as_dict(), indent=2, ensure_ascii=False, allow_nan=False),
                "radar-sanity.json",
                "application/json",
                icon=":material/download:",
                on_click="ignore",
            )
    quiet(
        "After Carlini et al. 2019, arXiv:1902.06705, section 5. "
        "Research software, not a medical device."
    )


def _light(light: Light) -> None:
    icon, word, colour = STATES[light.state]
    st.markdown(f":{colour}[{icon}] **{plain(light.title)}**: {word}.  \n{plain(light.sentence)}")
