"""The binary blob that the components are given: everything at once.

A little-endian uint32 (length of the header), a JSON header, and the pictures as PNG one after
another. `header["images"]` maps a name to `[offset, length, content hash]`; what a browser already
has, it does not decode again.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


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
