"""The controls of the case page: what is drawn in the sidebar, and the case they ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import streamlit as st

from radar_core.errors import RadarError
from radar_core.settings import ROOT
from radar_core.ui import link
from radar_core.ui.compute import Upload, data_names, open_offered
from radar_core.ui.epsilon_control import epsilon_control
from radar_core.ui.method_controls import (
    KEPT,
    costs,
    explainer_controls,
    parameter_controls,
    total,
)
from radar_core.ui.text import data_title, plain, quiet
from radar_core.ui.upload_control import upload_control
from radar_core.view.metric_words import short

if TYPE_CHECKING:
    from radar_core.case import CaseSpec, Target
    from radar_core.data import DataSet
    from radar_core.models.store import ModelInfo
    from radar_core.types import Entry

UPLOAD = "upload"
ANY = "any other class"
VIEWS = {"look": "Look", "tune": "Tune"}


@dataclass
class Wanted:
    """What the controls ask for.

    Attributes:
        spec: None where no case can be made of them; `errors` then says why.
        upload, data, entry: where the image comes from: an upload, or an entry of a data set.
        errors: why there is no case, each one sentence.
    """

    spec: CaseSpec | None = None
    upload: Upload | None = None
    data: DataSet | None = None
    entry: Entry | None = None
    errors: list[str] = field(default_factory=list)

    @property
    def about(self) -> str:
        """The hash of the upload that its jobs work on; empty where it is an entry of a set."""
        return self.upload.sha256 if self.upload else ""


def source(wanted: Wanted) -> None:
    """Choose a data set; for an upload, the file. The image itself is chosen by the filmstrip."""
    names = [*data_names(), UPLOAD]
    link.choose("data", names, "data set called")
    name = st.selectbox(
        "Data",
        names,
        key="data",
        format_func=_data_title,
        on_change=_forget_image,
        help="To add a folder, a CSV file or a public data set, open the page Library.",
        **KEPT,
    )
    if name == UPLOAD:
        wanted.upload = upload_control()
        if wanted.upload is None and st.session_state["image"]:
            wanted.errors.append(
                "Uploads are kept in the memory of one visit and are not in a link: "
                "choose the file again."
            )
        return
    try:
        wanted.data = open_offered(name)
    except RadarError as error:
        wanted.errors.append(str(error))
        return
    try:
        data = wanted.data
        wanted.entry = data.find(st.session_state["image"] or data.entries[0].id)
        st.session_state["image"] = wanted.entry.id
    except RadarError as error:
        wanted.errors.append(str(error))


def _data_title(name: str) -> str:
    return "Upload one image" if name == UPLOAD else data_title(name)


def _forget_image() -> None:
    st.session_state["image"] = ""
    st.session_state["class"], st.session_state["show"] = "all", "any"
    st.session_state.pop("film.page", None)


def method(wanted: Wanted) -> None:
    """Choose model, attack, ε and explainers; makes the specification."""
    from radar_core.attacks import ATTACKS
    from radar_core.case import TARGETS, CaseSpec, check_spec
    from radar_core.explainers import EXPLAINERS
    from radar_core.models.store import list_models

    infos = list_models()
    models = {info.name: info.title for info in infos}
    if not models:
        wanted.errors.append(
            f"There is no model in {ROOT / 'assets' / 'models'}: train one with "
            "python -m radar_core train, or name a folder with RADAR_MODELS."
        )
        return
    attacks = {id: _attack_title(ATTACKS[id]) for id in ATTACKS}
    explainers = {id: short(cast(Any, EXPLAINERS[id]).title) for id in EXPLAINERS}
    link.choose("model", list(models), "model called")
    link.choose("attack", list(attacks), "attack called")
    link.choose_many("explain", list(explainers), "explainer called")
    link.choose("target", list(TARGETS), "choice of class")
    top, beneath = st.container(), st.empty()
    further = st.expander("More settings", icon=":material/tune:")
    folded = further if looking() else top
    with folded:
        model = st.selectbox(
            "Model", list(models), key="model", format_func=models.__getitem__, **KEPT
        )
        _say_what_fits(wanted, infos, model)
    attack = top.selectbox(
        "Attack",
        list(attacks),
        key="attack",
        format_func=attacks.__getitem__,
        help="A method of its own file each; the page Methods says what they do.",
        **KEPT,
    )
    chosen: Any = ATTACKS[attack]
    with folded:
        towards = _towards(chosen, next(i.card["class_names"] for i in infos if i.name == model))
    with top:
        eps = epsilon_control(attack, chosen)
    folded.pills(
        "Explanations",
        list(explainers),
        key="explain",
        format_func=explainers.__getitem__,
        selection_mode="multi",
        help=costs(list(explainers)),
        **KEPT,
    )
    explained = tuple(id for id in explainers if id in st.session_state["explain"])
    with further:
        values = parameter_controls(attack, chosen)
        st.selectbox(
            "Class that is explained",
            list(TARGETS),
            key="target",
            format_func=lambda target: TARGETS[cast("Target", target)],
            help="Both images are explained for the same class.",
            **KEPT,
        )
        if st.session_state["seed"] is None:
            link.say("The seed in the link is not a whole number; this shows seed 0")
            st.session_state["seed"] = 0
        st.number_input(
            "Seed",
            0,
            2**31 - 1,
            key="seed",
            step=1,
            help="Of every random draw. The same seed gives the same numbers.",
            **KEPT,
        )
        explaining = explainer_controls(explained)
    if explained and not looking():
        with beneath:
            quiet(total(explained, explaining))
    link.write(values | explaining)
    if wanted.errors or (wanted.entry is None and wanted.upload is None):
        return
    spec = CaseSpec(
        data=st.session_state["data"],
        image=wanted.upload.sha256 if wanted.upload else wanted.entry.id if wanted.entry else "",
        model=st.session_state["model"],
        attack=st.session_state["attack"],
        eps=eps,
        towards=towards,
        attack_parameters=tuple(
            sorted((key.removeprefix(f"{attack}."), value) for key, value in values.items())
        ),
        explainers=explained,
        explainer_parameters=tuple(sorted(explaining.items())),
        target=st.session_state["target"],
        seed=int(st.session_state["seed"]),
    )
    try:
        check_spec(spec)
    except RadarError as error:
        wanted.errors.append(str(error))
    else:
        wanted.spec = spec


def looking() -> bool:
    """Whether the page is looked at, not tuned: one sentence, the pictures, plain words."""
    return bool(st.session_state["view"] == "look")


def _attack_title(method: Any) -> str:
    """An attack as the list shows it, with its family where the name does not say it."""
    return f"{method.title} · {method.family}"


def _say_what_fits(wanted: Wanted, infos: Sequence[ModelInfo], model: str) -> None:
    """Where the model was trained on other images and another one on these, name that one."""
    from radar_core.models.matching import models_for

    if wanted.data is None:
        return
    fitting = models_for(wanted.data.name, infos)
    if fitting and model not in [info.name for info in fitting]:
        quiet(f"Trained on these images: {plain(fitting[0].title)}")


def _towards(method: Any, class_names: Sequence[str]) -> str:
    """The class that the attack is to reach; empty for any other than the first reading."""
    if not method.targetable:
        st.session_state["towards"] = ""
        return ""
    link.choose("towards", ["", *class_names], "class called")
    st.selectbox(
        "Class it is to reach",
        ["", *class_names],
        key="towards",
        format_func=lambda name: name or ANY,
        **KEPT,
    )
    return str(st.session_state["towards"])
