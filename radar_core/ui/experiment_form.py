"""The controls of a new experiment: what is to be computed, what it will take, its name, start."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import streamlit as st

from radar_core.epsilon import GRIDS
from radar_core.errors import RadarError
from radar_core.experiments.background import WHAT, Place, command, start
from radar_core.experiments.engines import NAMES
from radar_core.experiments.estimate import Estimate, pilot
from radar_core.experiments.spec import ExperimentSpec, check
from radar_core.experiments.words import attack_title, explainer_title
from radar_core.models.own import checked_name
from radar_core.settings import settings
from radar_core.ui.compute import data_names, split_names
from radar_core.ui.jobs import Steps, summary_jobs
from radar_core.ui.method_controls import KEPT, parameter_controls
from radar_core.ui.polling import polled, visitor
from radar_core.ui.text import data_title, plain, quiet, sentence

RUN = "run"  # in the address: the experiment that is looked at
SLOT, ESTIMATED = "experiments.estimate", "experiments.estimated"
USUAL = ExperimentSpec()
FIRST_ATTACKS, FIRST_EXPLAINERS, IMAGES = ["fgsm", "pgd"], ["gradcam"], 20
PRESETS = {
    ", ".join(USUAL.eps): "",
    ", ".join(GRIDS["paper"]["linf"]): " (the paper's)",
    ", ".join(GRIDS["default"]["linf"][1:]): " (fine)",
}
KEEPS = {"none": "Numbers alone", "png": "and images, as PNG", "npz": "and images, as raw arrays"}
ENGINES = {"local": "This machine", "ray": "Ray cluster"}
# Streamlit writes what is chosen in white on the primary colour, which in the dark is too light.
READABLE = "<style>[data-tag] { background-color: light-dark(#0b5c76, #27809c) }</style>"


def form() -> None:
    """The whole of it."""
    wanted = _wanted()
    if wanted is None:
        return
    spec, place = wanted
    folder = settings().experiments_path
    name, estimate, go = st.columns([3, 2, 2], vertical_alignment="bottom")
    called = name.text_input(
        "Name",
        "my-experiment",
        key="experiments.name",
        help="1 to 40 letters, digits, - or _",
        **KEPT,
    ).strip()
    try:
        check(spec)
        checked_name(called, WHAT)
    except RadarError as error:
        _say(error)
        return
    if estimate.button(
        "Estimate time and disk",
        icon=":material/timer:",
        key="experiments.estimate",
        width="stretch",
        help="Measures one image of each model and attack, or takes what earlier runs took.",
    ):
        _estimate(spec, place)
    if go.button("**Start**", icon=":material/play_arrow:", key="experiments.go", width="stretch"):
        _begin(spec, called, place)
    _estimated(spec, place)
    quiet("The command that does the same:")
    st.code(command(spec, folder / called, place), language=None, wrap_lines=True)


def _wanted() -> tuple[ExperimentSpec, Place] | None:
    """What the controls ask for, and where; None where that cannot be and is said."""
    from radar_core.attacks import ATTACKS
    from radar_core.explainers import EXPLAINERS
    from radar_core.models.store import list_models

    models = {info.name: info.title for info in list_models()}
    if not models:
        st.info("There is no model yet; the page Train makes one.")
        return None
    what, part, which = st.columns([3, 2, 5], vertical_alignment="bottom")
    data = what.selectbox(
        "Data", data_names(), key="experiments.data", format_func=data_title, **KEPT
    )
    try:
        splits = split_names(data)
    except RadarError as error:
        _say(error)
        return None
    split = part.selectbox(
        "Split",
        splits,
        index=splits.index("test") if "test" in splits else 0,
        key=f"experiments.split.{data}",
        format_func=lambda name: "all images" if name == "all" else name,
        **KEPT,
    )
    st.html(READABLE)
    chosen = which.multiselect(
        "Models",
        list(models),
        default=list(models)[:1],
        key="experiments.models",
        format_func=models.__getitem__,
        **KEPT,
    )
    left, right = st.columns(2, vertical_alignment="bottom")
    attacks = left.multiselect(
        "Attacks",
        list(ATTACKS),
        default=FIRST_ATTACKS,
        key="experiments.attacks",
        format_func=attack_title,
        **KEPT,
    )
    explainers = right.multiselect(
        "Explainers",
        list(EXPLAINERS),
        default=FIRST_EXPLAINERS,
        key="experiments.explainers",
        format_func=explainer_title,
        placeholder="None: readings alone",
        **KEPT,
    )
    sizes, number = st.columns([5, 2], vertical_alignment="bottom")
    eps = sizes.selectbox(
        "ε",
        list(PRESETS),
        key="experiments.eps",
        format_func=lambda text: f"{text}{PRESETS.get(text, '')}",
        accept_new_options=True,
        help="Choose, or type values such as 1/255, 4/255. Of attacks that keep to a budget; the "
        "others go as far as the nearest adversarial example.",
        **KEPT,
    )
    images = number.number_input(
        "Images", 1, 10**6, IMAGES, key="experiments.images", help="Classes in turn.", **KEPT
    )
    with st.expander("More settings", key="experiments.more"):
        place = _place()
        more = _more(attacks, explainers, len(chosen))
    spec = ExperimentSpec(
        data=_place_of(data),
        split=None if split == "all" else split,
        models=tuple(chosen),
        attacks=tuple(attacks),
        eps=tuple(each.strip() for each in str(eps or "").split(",") if each.strip()),
        explainers=tuple(explainers),
        images=int(images),
        **more,
    )
    return spec, place


def _more(attacks: list[str], explainers: list[str], models: int) -> dict[str, Any]:
    """The settings that are folded away, and the methods' parameters."""
    from radar_core.attacks import ATTACKS
    from radar_core.explainers import EXPLAINERS

    seed, controls, chunk, keep = st.columns(4, vertical_alignment="bottom")
    found: dict[str, Any] = {
        "seed": int(seed.number_input("Seed", 0, 2**31 - 1, key="experiments.seed", **KEPT)),
        "controls": int(
            controls.number_input(
                "Benign controls",
                0,
                100,
                USUAL.controls,
                key="experiments.controls",
                help="Images with harmless noise of the attack's size, explained beside each "
                "attacked image: the noise floor.",
                **KEPT,
            )
        ),
        "chunk": int(
            chunk.number_input(
                "Images a cell",
                1,
                256,
                USUAL.chunk,
                key="experiments.chunk",
                help="What is computed at once; a stop loses at most the cells under way.",
                **KEPT,
            )
        ),
        "keep": keep.selectbox(
            "Keep", list(KEEPS), key="experiments.keep", format_func=KEEPS.__getitem__, **KEPT
        ),
        "features": st.toggle("Keep features", key="experiments.features", **KEPT),
    }
    if models > 1:
        found["transfer"] = st.toggle(
            "Try on each model what turns another", key="experiments.transfer", **KEPT
        )
    titled: dict[str, tuple[str, Any]] = {attack_title(id): (id, ATTACKS[id]) for id in attacks}
    found["attack_parameters"] = _parameters(titled)
    titled = {explainer_title(id): (id, EXPLAINERS[id]) for id in explainers}
    found["explainer_parameters"] = _parameters(titled)
    return found


def _parameters(methods: Mapping[str, tuple[str, Any]]) -> tuple[tuple[str, str], ...]:
    """Parameters that differ from the defaults, as the command line has them.

    Args:
        methods: title → id and method.
    """
    from radar_core.params import controls

    found: dict[str, Any] = {}
    for title, (id, method) in methods.items():
        if controls(method):
            st.markdown(f"**{plain(title)}**")
            found |= parameter_controls(f"experiments.{id}", method, columns=4)
    return tuple(
        (name.removeprefix("experiments."), str(value)) for name, value in sorted(found.items())
    )


def _place() -> Place:
    """Where it is computed."""
    engine, workers, address = st.columns([2, 2, 3], vertical_alignment="bottom")
    name = engine.selectbox(
        "Computed by", NAMES, key="experiments.engine", format_func=ENGINES.__getitem__, **KEPT
    )
    many = workers.number_input(
        "Workers",
        0,
        4096,
        key="experiments.workers",
        help="Cells computed at a time; 0: one a GPU, else one a core.",
        **KEPT,
    )
    where = ""
    if name == "ray":
        where = address.text_input(
            "Address of the cluster",
            key="experiments.address",
            placeholder="None: Ray is started here",
            help="auto, or such as 10.0.0.1:6379",
            **KEPT,
        ).strip()
    return Place(name, int(many) or None, where)


def _place_of(data: str) -> str:
    """A data set as a process finds it, wherever that runs."""
    path = Path(data).expanduser()
    return str(path.resolve()) if path.exists() and not path.is_absolute() else data


def _begin(spec: ExperimentSpec, name: str, place: Place) -> None:
    try:
        start(spec, settings().experiments_path, name, place)
    except RadarError as error:
        _say(error)
    else:
        st.query_params[RUN] = name
        st.rerun()  # it comes first on the page


def _key(spec: ExperimentSpec, place: Place) -> str:
    text = f"{settings().experiments_path} {spec.key()} {place.workers}"
    return f"estimate/{hashlib.sha256(text.encode()).hexdigest()[:24]}"


def _estimate(spec: ExperimentSpec, place: Place) -> None:
    key = _key(spec, place)
    summary_jobs().forget(key)
    st.session_state[ESTIMATED] = key
    summary_jobs().submit(key, _steps(spec, place), owner=visitor(), slot=SLOT)


def _steps(spec: ExperimentSpec, place: Place) -> Steps:
    folder = settings().experiments_path
    return lambda progress: pilot(spec, folder, place.workers, progress)


def _estimated(spec: ExperimentSpec, place: Place) -> None:
    """What the estimate came to, if it is of what the controls say now."""
    key = st.session_state.get(ESTIMATED)
    if key is None:
        return
    job = summary_jobs().get(key, visitor())
    if key != _key(spec, place):
        if job is not None and job.active:
            summary_jobs().release(visitor(), SLOT)
        st.session_state.pop(ESTIMATED)
        return
    polled(lambda: _look(key), active=bool(job and job.active))


def _look(key: str) -> bool:
    job = summary_jobs().get(key, visitor())
    if job is None:
        quiet("No estimate was made.")
        return False
    if job.active:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            note = job.note or "waiting for another estimate"
            st.progress(job.fraction, text=f"Estimate: {job.fraction:.0%} · {plain(note)}")
            st.button("Cancel", key="experiments.unestimate", type="tertiary", on_click=_cancel)
    elif job.state == "failed":
        st.error(plain(sentence(job.error)), icon=":material/error:")
    elif job.value is not None:
        found = cast("Estimate", job.value)
        st.markdown(f"**{plain(sentence(found.said()))}**")
        quiet(plain(sentence(f"Not a promise: {found.basis}")))
    return job.active


def _cancel() -> None:
    summary_jobs().release(visitor(), SLOT)
    st.session_state.pop(ESTIMATED, None)


def _say(error: RadarError) -> None:
    st.error(plain(sentence(str(error))), icon=":material/error:")
