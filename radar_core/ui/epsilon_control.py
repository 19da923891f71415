"""The control of ε: what it offers depends on what the attack's ε bounds, if it has one."""

from __future__ import annotations

from typing import Any

import streamlit as st

from radar_core.epsilon import GRIDS, OWN, Norm
from radar_core.params import controls
from radar_core.ui import link

_KIND, _KEPT, _OFFERED = "eps.kind", "eps.kept", "eps.offered"
LABELS = {"linf": "ε, the largest change of a pixel", "l2": "ε, the L2 length of the change"}
USUAL = {"budget/linf": "4/255", "budget/l2": "0.5"}


def epsilon_control(attack: str, method: Any) -> str:
    """ε from the list, or written freely; `own` for an attack that goes as far as it will."""
    norm = _norm(attack, method)
    kind = f"{method.placing}/{norm}"
    _turn_to(kind)
    if method.placing == "own":
        st.session_state["eps"] = OWN
        return OWN
    grid = GRIDS["default"][norm]
    options = grid if method.placing == "budget" else (OWN, *grid)
    given = st.session_state["eps"]
    if given not in options:
        options = (*options, given)
    st.selectbox(
        LABELS[norm],
        options,
        options.index(given),
        key=(key := _key(given)),
        on_change=_chosen,
        args=(key,),
        format_func=_shown,
        accept_new_options=True,
        help="Choose, or type 4/255, 0.0157, or normalised:0.01 (the paper's units)."
        if norm == "linf"
        else "Choose, or type a number such as 0.25. An example that lies further is drawn back.",
    )
    return str(given or "")


def _key(given: str) -> str:
    """Which select box shows ε: another one after each ε that was not chosen there.

    A browser that has not yet heard of an ε set elsewhere, by the slider say, goes on naming the
    old one with all it asks for; to the same box, that would be a choice and undo the new one.
    """
    number, value = st.session_state.get(_OFFERED, (0, given))
    if value != given:
        number += 1
    st.session_state[_OFFERED] = (number, given)
    return f"eps.{number}"


def _chosen(key: str) -> None:
    """Take the ε of the select box, if it is the one that is shown."""
    number, _ = st.session_state[_OFFERED]
    if key == f"eps.{number}":
        st.session_state["eps"] = value = st.session_state[key] or ""
        st.session_state[_OFFERED] = (number, value)


def _norm(attack: str, method: Any) -> Norm:
    """What ε bounds, as the attack's own parameter says where it has one."""
    if "norm" not in controls(method):
        return method.norm  # type: ignore[no-any-return]
    key = f"{attack}.norm"
    given = link.waiting(key) or st.session_state.get(key, method.norm)
    return given if given in GRIDS["default"] else method.norm


def _turn_to(kind: str) -> None:
    """Keep the ε of one kind of attack while another kind is looked at."""
    before = st.session_state.get(_KIND)
    kept: dict[str, str] = st.session_state.setdefault(_KEPT, {})
    if before != kind:
        given = st.session_state["eps"]
        usual = USUAL.get(kind, OWN)
        if before is not None and not link.fresh():
            kept[before] = given
            st.session_state["eps"] = kept.get(kind, usual)
        elif given == link.DEFAULTS["eps"]:  # a link that names none
            st.session_state["eps"] = usual
        st.session_state[_KIND] = kind


def _shown(eps: str) -> str:
    return "no limit: its own distance" if eps == OWN else eps
