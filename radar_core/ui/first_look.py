"""The pictures that a page showed last under an address, for the next browser that opens it.

Streamlit starts in a browser for a second before it asks for anything. What is already known of an
address is drawn meanwhile by the same viewer, and gives way to the page (`first_look.js`).
"""

from __future__ import annotations

import base64
import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import streamlit as st

from radar_core.ui.component_files import BASE, PANELS, joined
from radar_core.ui.link import AS, DEFAULTS

FILES = (BASE, *PANELS, "first_look")
MOST, MOST_BYTES = 32, 64 * 2**20
LARGEST = 3 * 2**19  # it comes with the page, before anything else
# The names that the components know them by, and Streamlit's of the same colours.
COLOURS = {
    "text-color": "textColor",
    "background-color": "backgroundColor",
    "border-color": "borderColor",
    "primary-color": "primaryColor",
    "blue-color": "blueColor",
    "blue-text-color": "blueTextColor",
    "orange-color": "orangeColor",
    "orange-text-color": "orangeTextColor",
    "gray-text-color": "grayTextColor",
    "badge-color": "grayBackgroundColor",
    "side-color": "sidebar.backgroundColor",
}

HEAD_START_MS = 500
# Once, after a while even if nothing has been drawn: by itself, so that nothing else can hinder it.
BEGIN = """
let radarBegins = () => {
  radarBegins = () => {};
  for (const attributes of %s) {
    const link = document.createElement("link");
    for (const [name, value] of Object.entries(attributes)) link.setAttribute(name, value);
    document.head.append(link);
  }
  import(%s);
};
setTimeout(() => radarBegins(), %d);
"""

Key = frozenset[tuple[str, str]]


@dataclass(frozen=True, eq=False)
class FirstLook:
    """What was shown.

    Attributes:
        data, model: what the case is of; where one is gone, so is the case.
        sha256: of the model, as its card says it.
        heading: the name of the image, then what stands beside it.
        said: the line above the pictures.
        blob: the pictures, see `radar_core.view.blob`.
    """

    data: str
    model: str
    sha256: str
    heading: tuple[str, ...]
    said: str
    blob: bytes


_looks: OrderedDict[Key, FirstLook] = OrderedDict()
_lock = threading.Lock()


def remember(query: Mapping[str, str], look: FirstLook) -> None:
    """Keep what an address shows; what was asked for the longest ago goes first."""
    with _lock:
        _looks.pop(_key(query), None)
        if len(look.blob) > LARGEST:
            return
        _looks[_key(query)] = look
        while len(_looks) > MOST or sum(len(one.blob) for one in _looks.values()) > MOST_BYTES:
            _looks.popitem(last=False)


def find(query: str) -> FirstLook | None:
    """What an address showed last; None where nothing is known, or its data or model is gone.

    Args:
        query: of the address, as a browser sends it.
    """
    key = _key(dict(parse_qsl(query, keep_blank_values=True)))
    with _lock:
        look = _looks.get(key)
        if look is None:
            return None
        _looks.move_to_end(key)
    from radar_core.models.store import list_models
    from radar_core.ui.compute import data_names

    cards = {info.name: str(info.card.get("sha256", "")) for info in list_models()}
    there = look.data in data_names() and cards.get(look.model) == look.sha256
    return look if there else None


def forget() -> None:
    """Keep nothing."""
    with _lock:
        _looks.clear()


def _key(query: Mapping[str, str]) -> Key:
    """An address without what it need not say: defaults, and the digest of earlier numbers."""
    usual = {k: ",".join(v) if isinstance(v, tuple) else str(v) for k, v in DEFAULTS.items()}
    return frozenset((k, v) for k, v in query.items() if k != AS and usual.get(k) != v)


def script(look: FirstLook, links: Sequence[Mapping[str, str]], start: str) -> str:
    """The code that draws it, with the pictures: asked for by itself, they would come too late.

    Args:
        links: what the page's own code needs, the attributes of each.
        start: the module that begins it, once the pictures are painted.
    """
    told = {
        "heading": look.heading,
        "said": look.said,
        "css": joined(FILES, "css"),
        "size": f"{st.get_option('theme.baseFontSize')}px",
        "themes": _themes(),
        "blob": base64.b64encode(look.blob).decode(),
    }
    return (
        f"<script>{BEGIN % (_written(links), _written(start), HEAD_START_MS)}</script>"
        f"<script>(() => {{\n{joined(FILES, 'js')}\nfirstLook({_written(told)});\n}})();</script>"
    )


def _written(value: Any) -> str:
    """As a script on a page can hold it."""
    return json.dumps(value).replace("<", "\\u003c")


def _themes() -> dict[str, dict[str, Any]]:
    shared = {
        "font": st.get_option("theme.font"),
        "base-radius": st.get_option("theme.baseRadius"),
        "button-radius": st.get_option("theme.buttonRadius"),
    }
    return {
        kind: shared | {ours: st.get_option(f"theme.{kind}.{its}") for ours, its in COLOURS.items()}
        for kind in ("light", "dark")
    }
