"""What a cell came to, as it travels from a worker to the folder."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from radar_core.experiments.columns import NUMBERS, TEXTS

if TYPE_CHECKING:
    from radar_core.experiments.cells import Part

Row = dict[str, Any]


@dataclass
class Found:
    """What a cell came to.

    Attributes:
        rows: see `radar_core.experiments.columns`. files: name → bytes, kept beside.
    """

    rows: list[Row] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)

    def parquet(self, parts: Sequence[Part]) -> bytes:
        """The rows as a Parquet file that names the parts it holds."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        text = pa.dictionary(pa.int32(), pa.string())
        schema = pa.schema([(n, text) for n in TEXTS] + [(n, pa.float64()) for n in NUMBERS])
        keys = json.dumps([part.key for part in parts])
        schema = schema.with_metadata({b"radar.parts": keys.encode()})
        full = [{**dict.fromkeys(TEXTS, ""), **dict.fromkeys(NUMBERS), **row} for row in self.rows]
        buffer = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(full, schema), buffer, compression="zstd")
        return buffer.getvalue()
