"""Every control of the case page in the address, under the names the command line uses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast
from urllib.parse import urlencode

import streamlit as st

from radar_core.case.digest import Digest, parse_digest
from radar_core.errors import RadarError
from radar_core.params import controls
from radar_core.ui.address import Address

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
OF_THE_PAGE = ("view", "class", "show")  # they do not change the case
AS = "as"  # the digest of the numbers that a link was made with
_LONGEST = {"data": 4096, "image": 1024, "explain": 1024, AS: 1024}
_USUAL_LENGTH = 128
_MOST_NAMED = 3
_PARAMETERS = "link.parameters"
_DRAWN = "link.drawn"  # the parameters whose controls there were
_MADE_WITH = "link.made_with"
_NAMED = "link.named"  # what the address names, until it is known which methods there are
ADDRESS = Address("link")


def read() -> None:
    """Take over what the address says, if it is not what this session wrote there itself.

    A value is taken as it stands; whoever shows the control refuses what it cannot be (`choose`).
    """
    given = st.query_params.to_dict()
    if ADDRESS.asks(given):
        ADDRESS.hush()
        given = _short_enough(given)
        for key, default in DEFAULTS.items():
            st.session_state[key] = _value(given[key], default) if key in given else _copy(default)
        for key in st.session_state.pop(_DRAWN, set()):  # what it does not name is at its default
            st.session_state.pop(key, None)
        st.session_state[_PARAMETERS] = {k: v for k, v in given.items() if "." in k}
        ADDRESS.taken()
        st.session_state[_NAMED] = list(given)
        _take_digest(given.get(AS))
    for key, default in DEFAULTS.items():
        st.session_state.setdefault(key, _copy(default))
    st.session_state.setdefault(_PARAMETERS, {})


def _short_enough(given: dict[str, str]) -> dict[str, str]:
    """What is no longer than it can be; of the rest it is said that it is left out."""
    kept = {k: v for k, v in given.items() if len(v) <= _LONGEST.get(k, _USUAL_LENGTH)}
    long = [key for key in given if key not in kept]
    if long:
        say(f"What this link says of {_some(long)} is too long to be true and is left out")
    return kept


def _say_unknown(names: Sequence[str]) -> None:
    """Name what this version does not know, as links of an older or a newer one may have."""
    unknown = [key for key in names if key not in DEFAULTS and key != AS and not _parameter(key)]
    if unknown:
        say(
            f"This version of RADAR does not know {_some(unknown)}, which the link names; "
            "it may come from another version"
        )


def _parameter(key: str) -> bool:
    """Whether a method has that parameter."""
    from radar_core.attacks import ATTACKS
    from radar_core.explainers import EXPLAINERS

    id, _, name = key.partition(".")
    registries = [registry for registry in (ATTACKS, EXPLAINERS) if id in registry]
    return any(name in controls(cast(Any, registry[id])) for registry in registries)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(repr(name[:40]) for name in names[:_MOST_NAMED]) + more


def _take_digest(text: str | None) -> None:
    st.session_state.pop(_MADE_WITH, None)
    if text is not None:
        try:
            st.session_state[_MADE_WITH] = parse_digest(text)
        except RadarError as error:
            say(str(error))


def made_with() -> Digest | None:
    """The digest of the link that was opened, until a control is changed."""
    return cast("Digest | None", st.session_state.get(_MADE_WITH))


def forget() -> None:
    """Take the next address as a wish, even one that this session wrote before."""
    ADDRESS.forget()


def permalink(digest: Digest | None) -> str:
    """The full address of what the page shows.

    Args:
        digest: of the numbers, once they are known.
    """
    query = {k: v for k, v in (ADDRESS.written or {}).items() if k != AS}
    if digest is not None:
        query[AS] = str(digest)
    where = st.context.url or ""
    return f"{where}?{urlencode(query, safe=',/')}" if query else where


def say(sentence: str) -> None:
    """Note what a link asked for and could not get; it is shown until a control is changed."""
    ADDRESS.say(sentence)


def said() -> list[str]:
    """What was noted, in order."""
    return ADDRESS.said()


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
    return ADDRESS.written is None


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
    before = ADDRESS.written
    if before is not None and _of_the_case(before) != _of_the_case(values):
        st.session_state.pop(_MADE_WITH, None)
    if (made := made_with()) is not None:
        values[AS] = str(made)
    if before is None:
        _say_unknown(st.session_state.pop(_NAMED, ()))
    ADDRESS.write(values)


def _of_the_case(values: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in values.items() if key not in (*OF_THE_PAGE, AS)}
