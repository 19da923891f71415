"""Every control of the case page in the address, under the names the command line uses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

DEFAULTS: dict[str, Any] = {
    "view": "tune",
    "data": "phantom",
    "image": "",
    "class": "all",
    "show": "any",
    "model": "phantom",
    "attack": "pgd",
    "eps": "4/255",
    "towards": "",
    "explain": ("gradcam", "shap", "lime"),
    "target": "clean",
    "seed": 0,
}
_WRITTEN = "link.written"
_EARLIER = "link.earlier"  # what was written before that, the newest last
_REMEMBERED = 64
_SAID = "link.said"
_PARAMETERS = "link.parameters"
_DRAWN = "link.drawn"  # the parameters whose controls there were


def read() -> None:
    """Take over what the address says, if it is not what this session wrote there itself.

    A value is taken as it stands; whoever shows the control refuses what it cannot be (`choose`).
    """
    given = st.query_params.to_dict()
    if given and given != st.session_state.get(_WRITTEN) and not _late(given):
        for key, default in DEFAULTS.items():
            st.session_state[key] = _value(given[key], default) if key in given else _copy(default)
        for key in st.session_state.pop(_DRAWN, set()):  # what it does not name is at its default
            st.session_state.pop(key, None)
        st.session_state[_PARAMETERS] = {k: v for k, v in given.items() if "." in k}
        st.session_state[_SAID] = []
        st.session_state.pop(_WRITTEN, None)
    for key, default in DEFAULTS.items():
        st.session_state.setdefault(key, _copy(default))
    st.session_state.setdefault(_PARAMETERS, {})
    st.session_state.setdefault(_SAID, [])


def _late(given: dict[str, str]) -> bool:
    """Whether a browser says what stood in its address before it heard of the change.

    A slow one may answer with the last address but one; taken for a wish, it would undo the choice
    just made. Only going back or forward in the history asks for an address written before.
    """
    context = get_script_run_ctx()
    history = context is not None and context.is_history_navigation
    return not history and given in st.session_state.get(_EARLIER, [])


def say(sentence: str) -> None:
    """Note what a link asked for and could not get; it is shown until a control is changed."""
    if sentence not in st.session_state[_SAID]:
        st.session_state[_SAID].append(sentence)


def said() -> list[str]:
    """What was noted, in order."""
    return list(st.session_state[_SAID])


def _copy(default: Any) -> Any:
    return list(default) if isinstance(default, tuple) else default


def _value(text: str, default: Any) -> Any:
    if isinstance(default, tuple):
        return [part.strip() for part in text.split(",") if part.strip() not in ("", "none")]
    if isinstance(default, int):
        return int(text) if text.isdecimal() and len(text) < 10 else None
    return text


def choose(key: str, options: Sequence[str], what: str) -> None:
    """Make sure that a control's value is among its options; else take the default and say so."""
    value = st.session_state[key]
    if value in options or not options:
        return
    default = DEFAULTS[key] if DEFAULTS[key] in options else options[0]
    st.session_state[key] = default
    if value and value != DEFAULTS[key]:
        say(f"There is no {what} {str(value)[:60]!r} here; this shows {default!r}")


def choose_many(key: str, options: Sequence[str], what: str) -> None:
    """`choose` for a control with several values."""
    unknown = [value for value in st.session_state[key] if value not in options]
    if unknown:
        st.session_state[key] = [v for v in st.session_state[key] if v in options] or list(options)
        say(f"There is no {what} {', '.join(unknown)[:60]!r} here; this shows the ones there are")


def parameter(key: str) -> str | None:
    """What the address says about a method's parameter (`pgd.steps`, `lime.samples`), once."""
    st.session_state.setdefault(_DRAWN, set()).add(key)
    value: str | None = st.session_state.setdefault(_PARAMETERS, {}).pop(key, None)
    return value


def waiting(key: str) -> str | None:
    """What the address says about a method's parameter, without taking it."""
    value: str | None = st.session_state[_PARAMETERS].get(key)
    return value


def fresh() -> bool:
    """Whether this run took its controls from an address."""
    return _WRITTEN not in st.session_state


def write(parameters: dict[str, Any]) -> None:
    """Put all that differs from the defaults into the address.

    Args:
        parameters: those of attack and explainers that differ from their defaults, as
            `pgd.steps` or `lime.samples`.
    """
    values = {}
    for key, default in DEFAULTS.items():
        value = st.session_state[key]
        if isinstance(default, tuple):
            if tuple(value) != default:
                values[key] = ",".join(value) or "none"
        elif value != default:
            values[key] = str(value)
    values |= {key: str(value) for key, value in parameters.items()}
    if st.session_state.get(_WRITTEN, values) != values:
        st.session_state[_SAID] = []
    before = st.session_state.get(_WRITTEN)
    now = st.query_params.to_dict()
    if values != now and not (values == before and _late(now)):
        st.query_params.from_dict(values)
    if before is not None and values != before:
        earlier = [old for old in st.session_state.get(_EARLIER, []) if old != values]
        st.session_state[_EARLIER] = [*earlier, before][-_REMEMBERED:]
    st.session_state[_WRITTEN] = values
