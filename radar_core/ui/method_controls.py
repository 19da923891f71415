"""The own parameters of an attack or an explainer, drawn from their declaration."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import streamlit as st

from radar_core.errors import RadarError
from radar_core.params import Control, coerce, controls
from radar_core.ui import link
from radar_core.ui.text import plain, quiet
from radar_core.view.metric_words import short

KEPT: dict[str, Any] = {"persist_state": "session"}  # controls outlive a visit to another page


def parameter_controls(id: str, method: Any, columns: int = 1) -> dict[str, Any]:
    """A method's parameters; gives those not at their default, as `lime.samples` → value.

    An attack and an explainer never share an id, so that the names are theirs alone.
    """
    values = {}
    row: Sequence[Any] = ()
    for number, (name, control) in enumerate(controls(method).items()):
        if columns > 1 and number % columns == 0:
            row = st.columns(columns, vertical_alignment="bottom")
        key = f"{id}.{name}"
        given = link.parameter(key)
        if given is not None:
            try:
                st.session_state[key] = coerce(control.title, control, given)
            except RadarError as error:
                link.say(f"{error}; this shows the default")
        st.session_state.setdefault(key, control.default)
        with row[number % columns] if row else nullcontext():
            value = _widget(key, control)
        if value != control.default and value is not None:
            values[key] = value
    return values


def explainer_controls(chosen: Sequence[str]) -> dict[str, Any]:
    """The parameters of the explainers chosen, each set folded away; gives those not at default."""
    from radar_core.explainers import EXPLAINERS

    values: dict[str, Any] = {}
    for id in chosen:
        method: Any = EXPLAINERS[id]
        if controls(method):
            with st.expander(plain(short(method.title)), key=f"settings.{id}"):
                own = parameter_controls(id, method)
                quiet(f"{_capital(_about(_cost(id, own)))} an image.")
            values |= own
    return values


def costs(explainers: Sequence[str]) -> str:
    """What a map of each explainer costs, in Markdown, the cheapest first."""
    from radar_core.explainers import EXPLAINERS

    known = [(_cost(id), short(EXPLAINERS[id].title)) for id in explainers]
    said = ", ".join(f"{plain(title)} {cost:,}" for cost, title in sorted(known))
    return f"Passes of the model that a map of one image takes at most: {said}."


def total(chosen: Sequence[str], values: dict[str, Any]) -> str:
    """What the maps of both images cost with these parameters; empty where none is chosen."""
    spent = 2 * sum(_cost(id, values) for id in chosen)
    return f"{_capital(_about(spent))} of the model for the maps of both images." if spent else ""


def _cost(id: str, values: dict[str, Any] | None = None) -> int:
    """Passes forward that an image takes at most."""
    from radar_core.explainers import EXPLAINERS

    own = {
        key.removeprefix(f"{id}."): value
        for key, value in (values or {}).items()
        if key.startswith(f"{id}.")
    }
    return EXPLAINERS.create(id, **own).cost.forward


def _about(passes: int) -> str:
    return (
        f"{passes} pass{'es' if passes != 1 else ''}" if passes < 10 else f"about {passes:,} passes"
    )


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _widget(key: str, control: Control) -> Any:
    label = f"{control.title} ({control.unit})" if control.unit else control.title
    help_text = control.help or None
    if control.kind == "flag":
        return st.toggle(label, key=key, help=help_text, **KEPT)
    if control.kind == "choice":
        titles = control.titles
        return st.selectbox(
            label,
            control.options,
            key=key,
            format_func=lambda option: titles.get(option, option),
            help=help_text,
            **KEPT,
        )
    # Streamlit shows two decimals where no step says otherwise: 0.00 of a small learning rate.
    small = control.kind == "float" and (control.step is None or control.step < 0.01)
    return st.number_input(
        label,
        control.low,
        control.high,
        key=key,
        step=control.step,
        format="%g" if small else None,
        help=help_text,
        **KEPT,
    )
