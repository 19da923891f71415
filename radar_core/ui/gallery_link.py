"""What the gallery shows, in its address: data, model, filters, order, page.

Each name of the address is a key `gallery.<name>` of the session, in plain values; whoever shows a
control refuses what it cannot be (`choose`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import streamlit as st

from radar_core.ui.address import Address

WHOLE = (0.0, 1.0)
DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {
        "data": "phantom",
        "split": "",
        "model": "",
        "class": "all",
        "read": "all",
        "show": "any",
        "flip": "any",
        "most": "",
        "sure": WHOLE,
        "focus": WHOLE,
        "sort": "given",
        "falling": False,
        "form": "tiles",
        "page": 1,
    }
)
FILTERS = ("class", "read", "show", "flip", "most", "sure", "focus")
_LONGEST = 4096
ADDRESS = Address("gallery")


def key(name: str) -> str:
    """The key of the session that holds it."""
    return f"gallery.{name}"


def get(name: str) -> Any:
    """What the session holds."""
    return st.session_state[key(name)]


def read() -> None:
    """Take over what the address says, if it is not what this session wrote there itself.

    Going back from a case, Streamlit's first address is this page with the words of the case.
    """
    given = {k: v for k, v in st.query_params.to_dict().items() if len(v) <= _LONGEST}
    others = ADDRESS.written is not None and bool(set(given) - set(DEFAULTS))
    if ADDRESS.asks(given) and not others:
        ADDRESS.hush()
        for name, default in DEFAULTS.items():
            value = _value(given[name], default) if name in given else default
            if value is None:
                say(f"The link's {name} {given[name][:40]!r} means nothing here")
            st.session_state[key(name)] = default if value is None else value
        ADDRESS.taken()
    for name, default in DEFAULTS.items():
        st.session_state.setdefault(key(name), default)


def _value(text: str, default: Any) -> Any:
    """A value as the address has it; None where it cannot be."""
    if isinstance(default, bool):
        return {"yes": True, "no": False}.get(text)
    if isinstance(default, int):
        return int(text) if re.fullmatch(r"[1-9]\d{0,7}", text) else None
    if isinstance(default, tuple):
        found = re.fullmatch(r"([01](?:\.\d{1,4})?)-([01](?:\.\d{1,4})?)", text)
        bounds = (float(found[1]), float(found[2])) if found else None
        return bounds if bounds and 0 <= bounds[0] <= bounds[1] <= 1 else None
    return text


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value[0]:g}-{value[1]:g}" if isinstance(value, tuple) else str(value)


def write() -> None:
    """Put all that differs from the defaults into the address."""
    values = {n: _text(get(n)) for n, default in DEFAULTS.items() if get(n) != default}
    ADDRESS.write(values)


def choose(name: str, options: Sequence[Any], default: Any = None) -> None:
    """Make sure that a control's value is among its options; else take the default and say so."""
    value = get(name)
    if value in options or not options:
        return
    usual = DEFAULTS[name] if default is None else default
    st.session_state[key(name)] = usual if usual in options else options[0]
    if value != DEFAULTS[name]:
        say(f"There is no {name} {str(value)[:60]!r} here")


def clear() -> None:
    """Take every filter back."""
    for name in FILTERS:
        st.session_state[key(name)] = DEFAULTS[name]
    first_page()


def first_page() -> None:
    """What is shown has changed: begin at its start."""
    st.session_state[key("page")] = 1


def say(sentence: str) -> None:
    """Note what a link asked for and could not get; it is shown until a control is changed."""
    ADDRESS.say(sentence)


def said() -> list[str]:
    """What was noted, in order."""
    return ADDRESS.said()
