"""Small pictures of a data set's images, for filmstrips."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict

from PIL import Image, ImageOps

from radar_core.data.base import DataSet
from radar_core.types import Entry

KEEP = 2000  # thumbnails kept, of some 3 KB each

_kept: OrderedDict[tuple[str, str, int], bytes] = OrderedDict()
_lock = threading.Lock()


def thumbnail(data: DataSet, entry: Entry, side: int = 96) -> bytes:
    """The centre square of an image as a WebP file of that side; lossy, for looking at only.

    Raises:
        BadImage: the image cannot be read.
    """
    key = (data.name, entry.source, side)
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    image = Image.fromarray(data.preview(entry, side))
    small = ImageOps.fit(image, (side, side), Image.Resampling.BILINEAR)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=80, method=2)
    with _lock:
        _kept[key] = buffer.getvalue()
        while len(_kept) > KEEP:
            _kept.popitem(last=False)
    return buffer.getvalue()
