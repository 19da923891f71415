"""Where the points come from: an experiment that kept features, or a few images attacked here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import streamlit as st

from radar_core.experiments.store import ExperimentStore
from radar_core.settings import settings
from radar_core.ui.compute import data_names
from radar_core.ui.embedding_jobs import kept_steps, made_steps, with_features
from radar_core.ui.text import data_title

if TYPE_CHECKING:
    from radar_core.ui.jobs import Steps

HERE = ""
IMAGES = (50, 100, 200, 500, 1000)


@dataclass(frozen=True)
class Source:
    """Points to be had.

    Attributes:
        key: what their job is known by. data, model: as links name them.
        asked: whether they cost so much that they are computed only when asked for.
        given: the attacks' parameters that differ from the defaults, by attack.
    """

    key: str
    steps: Steps
    data: str
    model: str
    asked: bool
    given: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def parameters(self, attack: str) -> dict[str, str]:
        """What a link to a case says of the attack beside its name and ε."""
        return dict(self.given.get(attack, {}))


def source() -> Source | None:
    """Choose it; None where there is none, and why is said."""
    where = settings().experiments_path
    kept = with_features(where)
    name = HERE
    if kept:
        name = st.selectbox(
            "Points of",
            [HERE, *kept],
            key="embedding.source",
            format_func=lambda name: name or "Images attacked now",
            persist_state="session",
            width=210,
        )
    if name == HERE:
        return _here()
    spec = kept[name]
    model = st.selectbox(
        "Model", spec.models, key=f"embedding.model.{name}", persist_state="session", width=210
    )
    store = ExperimentStore(where / name)
    seed = {"seed": str(spec.seed)} if spec.seed else {}
    given = {
        attack: {f"{attack}.{k}": str(v) for k, v in spec.parameters_of(attack).items()} | seed
        for attack in spec.attacks
    }
    return Source(
        f"features/{store.state('features/*.npz')}/{model}",
        kept_steps(store, model),
        spec.data,
        model,
        asked=False,
        given=given,
    )


def _here() -> Source | None:
    from radar_core.attacks import ATTACKS
    from radar_core.epsilon import parse_grid
    from radar_core.models.store import list_models

    models = {info.name: info.title for info in list_models()}
    if not models:
        st.info("There is no model yet: python -m radar_core train --help says how to make one.")
        return None
    kept: dict[str, Any] = {"persist_state": "session"}
    data = st.selectbox(
        "Data", data_names(), key="embedding.data", format_func=data_title, width=190, **kept
    )
    model = st.selectbox(
        "Model",
        list(models),
        key="embedding.model",
        format_func=models.__getitem__,
        width=210,
        **kept,
    )
    titles = {id: ATTACKS[id].title for id in ATTACKS if ATTACKS[id].family != "universal"}
    names = list(titles)
    attack = st.selectbox(
        "Attack",
        names,
        index=names.index("pgd"),
        key="embedding.attack",
        format_func=titles.__getitem__,
        width=170,
        **kept,
    )
    method, eps = ATTACKS.create(attack), "own"
    if method.placing == "budget":
        axis = [each.text for each in parse_grid("default", method.norm) if each.value]
        usual = axis.index("4/255") if "4/255" in axis else len(axis) // 2
        eps = st.selectbox(
            "ε", axis, index=usual, key=f"embedding.eps.{method.norm}", width=110, **kept
        )
    images = st.selectbox("Images", IMAGES, index=2, key="embedding.images", width=100, **kept)
    return Source(
        f"features/{data}/{model}/{attack}/{eps}/{images}",
        made_steps(data, model, attack, eps, images),
        data,
        model,
        asked=True,
    )
