"""The panel viewer: a component that is given everything at once, as one binary blob.

The blob is a little-endian uint32 (length of the header), a JSON header, and the pictures as PNG
one after another. `header["images"]` maps a name to `[offset, length, content hash]`; what a
browser already has, it does not decode again. A blob may hold the pictures of several ε; the names
say which.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from radar_core.settings import ROOT

COMPONENTS = ROOT / "assets" / "components"


def component(name: str, *parts: str) -> Callable[..., Any]:
    """A component of `assets/components`: what all share, its further parts, then itself."""
    scripts = [COMPONENTS / f"{part}.js" for part in ("base", *parts, name)]
    mount: Callable[..., Any] = st.components.v2.component(
        f"radar_{name}",
        css=(COMPONENTS / f"{name}.css").read_text(encoding="utf-8"),
        js="\n".join(script.read_text(encoding="utf-8") for script in scripts),
    )
    return mount


_mount = component("viewer", "zoom", "paint", "bars")


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Lossless PNG of (h, w) or (h, w, 3) 8-bit pixels."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


def pack(header: Mapping[str, Any], pictures: Mapping[str, bytes]) -> bytes:
    """Header and pictures as one blob; equal pictures are stored once."""
    body: list[bytes] = []
    places: dict[str, list[Any]] = {}
    refs: dict[str, list[Any]] = {}
    offset = 0
    for name, raw in pictures.items():
        digest = hashlib.sha256(raw).hexdigest()[:16]
        if digest not in places:
            places[digest] = [offset, len(raw), digest]
            body.append(raw)
            offset += len(raw)
        refs[name] = places[digest]
    plain = {**header, "images": refs}
    plain["id"] = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]
    head = json.dumps(plain, ensure_ascii=False, allow_nan=False).encode()
    return struct.pack("<I", len(head)) + head + b"".join(body)


def unpack(blob: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Header and pictures of a blob, as `pack` was given them."""
    (length,) = struct.unpack_from("<I", blob)
    header: dict[str, Any] = json.loads(blob[4 : 4 + length])
    body = blob[4 + length :]
    return header, {name: body[o : o + n] for name, (o, n, _) in header["images"].items()}


def viewer(blob: bytes, *, key: str) -> None:
    """Show a blob; a later one under the same key replaces it in place."""
    _mount(key=key, data=blob)
