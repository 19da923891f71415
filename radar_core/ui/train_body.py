"""The page of trainings: what is to be trained, the one that is looked at, the unfinished ones."""

from __future__ import annotations

from typing import Any

import streamlit as st

from radar_core.errors import RadarError
from radar_core.models.zoo import ARCHITECTURES
from radar_core.params import build
from radar_core.settings import settings
from radar_core.training.background import (
    Training,
    command,
    find,
    go_on,
    planned,
    remove,
    start,
    trainings,
)
from radar_core.training.plan import Plan
from radar_core.training.recipe import Recipe
from radar_core.ui.compute import data_names, training_data
from radar_core.ui.method_controls import KEPT, parameter_controls
from radar_core.ui.polling import polled
from radar_core.ui.text import data_title, plain, quiet, sentence
from radar_core.ui.train_view import show

SHOWN = "training"  # in the address: the training that is looked at
EVERY = 2.0  # seconds between two looks: an epoch takes far longer
USUAL = "efficientnet_lite0"
STARTS = {"auto": "ImageNet weights", "none": "Random weights"}
FOLDS = (0, *range(2, 11))


def train() -> None:
    """The whole page under its title."""
    listed = trainings(settings().trained_path)
    one = _looked_at(listed)
    if one is not None:
        name, running = one.name, one.condition == "running"
        polled(lambda: _look(name), active=running, every=EVERY)
        st.divider()
        st.subheader("Another training", anchor=False)
    asked = _asked()
    if asked is not None:
        plan, folds = asked
        if st.button("**Start training**", icon=":material/play_arrow:", key="train.go"):
            _begin(plan, folds)
        quiet("The command that does the same:")
        # Without a language: the colours of options would be too faint on this ground.
        st.code(command(plan, folds), language=None, wrap_lines=True)
    _unfinished([other for other in listed if one is None or other.name != one.name])
    quiet("Research software, not a medical device.")


def _asked() -> tuple[Plan, int] | None:
    """The controls; the plan they make, or None where it cannot be begun and that is said."""
    what, how, whence, called = st.columns([3, 3, 2, 2], vertical_alignment="bottom")
    data = what.selectbox("Data", data_names(), key="train.data", format_func=data_title, **KEPT)
    names = list(ARCHITECTURES)
    arch = how.selectbox(
        "Architecture",
        names,
        index=names.index(USUAL),
        key="train.arch",
        format_func=lambda name: ARCHITECTURES[name].title,
        **KEPT,
    )
    pretrained = whence.selectbox(
        "Start from",
        list(STARTS),
        key="train.start",
        format_func=STARTS.__getitem__,
        help="ImageNet weights of EfficientNet-Lite0 are a package of pip; those of the other "
        "architectures are fetched from torchvision.",
        **KEPT,
    )
    name = called.text_input(
        "Name of the model",
        "my-model",
        key="train.name",
        help="1 to 40 letters, digits, - or _",
        **KEPT,
    )
    with st.expander("More settings", key="train.more"):
        folds = st.selectbox(
            "Cross-validation",
            FOLDS,
            key="train.folds",
            format_func=lambda count: f"{count} folds" if count else "none",
            help="Trains and tests a model a fold, groups kept whole; the test split stays unread.",
            **KEPT,
        )
        recipe = _recipe()
    try:
        quiet(plain(sentence(training_data(data))))
        plan = planned(
            settings().trained_path, name.strip(), data, arch, pretrained=pretrained, recipe=recipe
        )
    except RadarError as error:
        _say(error)
        return None
    return plan, folds


def _recipe() -> Recipe:
    """Every setting of the recipe."""
    values: dict[str, Any] = parameter_controls("recipe", Recipe, columns=3)
    recipe: Recipe = build(Recipe, {k.removeprefix("recipe."): v for k, v in values.items()})
    return recipe


def _begin(plan: Plan, folds: int) -> None:
    try:
        start(plan, folds)
    except RadarError as error:
        _say(error)
    else:
        st.query_params[SHOWN] = plan.out.name
        st.rerun()  # it comes first on the page


def _looked_at(listed: list[Training]) -> Training | None:
    """The training that the address names, else the one that runs."""
    named = st.query_params.get(SHOWN)
    found = [one for one in listed if one.name == named]
    found += [one for one in listed if one.condition == "running"]
    if found:
        st.query_params[SHOWN] = found[0].name  # it stays in sight when it ends
    return found[0] if found else None


def _look(name: str) -> bool:
    one = find(settings().trained_path, name)
    if one is None:
        quiet("It was removed.")
        return False
    show(one)
    if one.condition in ("unfinished", "failed"):
        _choices(one)
    return one.condition == "running"


def _unfinished(others: list[Training]) -> None:
    rest = [one for one in others if one.condition in ("running", "unfinished", "failed")]
    if not rest:
        return
    st.subheader("Unfinished trainings", anchor=False)
    for one in rest:
        with st.container(border=True, key=f"train.other.{one.name}"):
            said = one.course.note if one.course and one.condition == "running" else one.error
            st.markdown(f"**{plain(one.name)}**: {plain(sentence(said or 'starting'))}")
            if one.condition != "running":
                _choices(one)


def _choices(one: Training) -> None:
    with st.container(horizontal=True, gap="small"):
        if one.condition == "unfinished" and st.button(
            "**Go on**", icon=":material/resume:", key=f"train.resume.{one.name}"
        ):
            _act(one, resumed=True)
        if st.button(
            "Remove",
            icon=":material/delete:",
            key=f"train.remove.{one.name}",
            help="What it needs to go on is removed; a model that it has stored stays.",
        ):
            _act(one, resumed=False)


def _act(one: Training, *, resumed: bool) -> None:
    try:
        if resumed:
            go_on(one)
            st.query_params[SHOWN] = one.name
        else:
            remove(one)
    except RadarError as error:
        _say(error)
    else:
        st.rerun()


def _say(error: RadarError) -> None:
    st.error(plain(sentence(str(error))), icon=":material/error:")
