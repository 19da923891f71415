"""The models of the library: a card each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from radar_core.errors import BadParameter
from radar_core.models.zoo import ARCHITECTURES
from radar_core.settings import ROOT, settings
from radar_core.ui.library_said import ask, cards, changed, heading, removal, said
from radar_core.ui.text import plain, quiet, sentence

if TYPE_CHECKING:
    from radar_core.models.store import ModelInfo

HEADLINE = ("balanced_accuracy", "auc")


def models(local: bool) -> None:
    """All there are, two a row; one's own can be removed `local`ly."""
    from radar_core.data.library import offered
    from radar_core.models.store import list_models

    said("models")
    infos = list_models()
    if not infos:
        st.info("There is no model yet: add one below, or train one.")
    offers = [(one.name, one.title) for one in offered()]
    for place, info in zip(cards(len(infos)), infos, strict=True):
        key = f"library.model.{info.name}"
        with place, st.container(border=True, key=key):
            _card(info, offers, local, key)


def _card(info: ModelInfo, offers: list[tuple[str, str]], local: bool, key: str) -> None:
    from radar_core.models.matching import data_for
    from radar_core.models.own import is_removable

    card = info.card
    own = local and is_removable(info)
    fitting = data_for(info, (name for name, _ in offers))
    heading(info.title, licence=str(card.get("licence") or ""))
    names = [str(name) for name in card["class_names"]]
    built = plain(_architecture(str(card["architecture"])))
    st.markdown(
        f"{built}, images of {card['input_size']} pixels, {len(names)} classes: "
        f"{plain(', '.join(names))}."
    )
    _figures(card.get("figures"))
    _trained(info, fitting, dict(offers))
    for word in ("about", "note"):
        if card.get(word):
            quiet(plain(sentence(str(card[word]))))
    with st.container(horizontal=True, gap="small"):
        _ways_on(info, fitting, key)
        if own:
            st.button(
                "Remove…",
                icon=":material/delete:",
                key=f"{key}.remove",
                on_click=ask,
                args=(f"{key}.sure",),
            )
    if own:
        question = f"Remove {plain(info.title)} from this disk?"
        removal(f"{key}.sure", question, "models", _remove, info.name)
    with st.expander("Its card", key=f"{key}.card"):
        if local:
            quiet(plain(str(info.path)))
        st.json(dict(card), expanded=1)


def _architecture(name: str) -> str:
    return ARCHITECTURES[name].title if name in ARCHITECTURES else name.rpartition(":")[2]


def _figures(figures: Any) -> None:
    """The headline figures of the test split, each with its interval."""
    from radar_core.evaluation.result import Estimate
    from radar_core.evaluation.words import TITLES, interval_of, value_of

    test = figures.get("test") if isinstance(figures, dict) else None
    if not isinstance(test, dict):
        quiet("Its card has no figures of a test split; Evaluate reads one.")
        return
    told = []
    for name in HEADLINE:
        found = test.get(name) or {}
        ends = found.get("interval")
        estimate = Estimate(found.get("value"), (ends[0], ends[1]) if ends else None)
        interval = interval_of(name, estimate)
        told.append(
            f"{TITLES[name]} **{value_of(name, estimate)} %**"
            + (f" ({interval})" if interval else "")
        )
    st.markdown(" · ".join(told))
    quiet(f"On the {test.get('images', 0):,} images of its test split, with 95 % intervals.")


def _trained(info: ModelInfo, fitting: list[str], titles: dict[str, str]) -> None:
    from radar_core.data.fetching.archive import in_words
    from radar_core.evaluation.words import data_title
    from radar_core.models.own import size_on_disk

    size = f"{in_words(size_on_disk(info))} on disk."
    trained = str(info.card.get("trained_on") or "")
    if fitting:
        named = ", ".join(titles[name] for name in fitting)
        quiet(f"Trained on, and fits: **{plain(named)}**. {size}")
    elif trained:
        quiet(f"Trained on {plain(data_title(trained))}, which is not in the list. {size}")
    else:
        quiet(f"Its card does not say what it was trained on. {size}")


def _ways_on(info: ModelInfo, fitting: list[str], key: str) -> None:
    if st.button("Open a case", icon=":material/radiology:", key=f"{key}.case"):
        query = {"model": info.name} | ({"data": fitting[0]} if fitting else {})
        st.switch_page(ROOT / "pages" / "case.py", query_params=query)
    if st.button("Evaluate", icon=":material/monitoring:", key=f"{key}.evaluate"):
        st.session_state["evaluate.model"] = info.name
        if fitting:
            st.session_state["evaluate.data"] = fitting[0]
        st.switch_page(ROOT / "pages" / "evaluate.py")


def _remove(name: str) -> str:
    from radar_core.models.own import remove_model
    from radar_core.models.store import list_models
    from radar_core.training.background import find

    found = next((info for info in list_models() if info.name == name), None)
    if found is None:
        raise BadParameter(f"there is no model called {name} any more")
    training = find(settings().trained_path, name)
    if training is not None and training.condition == "running":
        raise BadParameter(f"{name} is being trained; stop that first, on the page Train")
    remove_model(found)
    changed()
    return f"Removed {found.title} from this disk"
