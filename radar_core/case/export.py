"""A case as raw values: arrays, lossless pictures, and one table."""

from __future__ import annotations

import csv
import io
import json
import math
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radar_core.writing import write_all

if TYPE_CHECKING:
    from radar_core.case.result import CaseResult

HEADER = ("part", "method", "quantity", "unit", "clean", "attacked", "between the two")
_DATED = (1980, 1, 1, 0, 0, 0)  # equal results give equal files
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def arrays(result: CaseResult) -> bytes:
    """The numbers behind the pictures, as a compressed `.npz` that `numpy.load` opens.

    The names in it, of a case whose model sees (s, s):
        clean, attacked: (3, s, s) float32 in [0, 1], RGB, as the model saw them.
        difference: (3, s, s) float32 in [-1, 1], attacked − clean.
        map.<explainer>.clean, map.<explainer>.attacked: (s, s) float32, the attribution unscaled,
            in the method's own unit, signed where the method is; of all explainers that gave one.
        mask.<lesion or evidence>: (s, s) bool, where the source has one.
    """
    assert result.attack is not None
    clean, attacked = result.clean.cpu().numpy(), result.attack.images[0].cpu().numpy()
    found: dict[str, NDArray[Any]] = {
        "clean": clean,
        "attacked": attacked,
        "difference": attacked - clean,
    }
    for id, explanation in result.explanations.items():
        maps = explanation.maps.cpu().numpy()
        found[f"map.{id}.clean"], found[f"map.{id}.attacked"] = maps[0], maps[1]
    for name, mask in result.masks.items():
        found[f"mask.{name}"] = mask.cpu().numpy()
    return _archive({f"{name}.npy": _npy(values) for name, values in found.items()})


def pictures(result: CaseResult) -> bytes:
    """What the viewer shows at first, as a zip of lossless PNG, one pixel a pixel of the model's.

    `clean`, `attacked`, `difference` (amplified, mid-grey is no change), and for each explainer its
    two overlays and the difference of its maps: magma, blue to red where signed, opacity 0.6, full
    colour at the 99.7th percentile of the map's own |value|.
    """
    from radar_core.pictures import case_pictures
    from radar_core.view.blob import png

    return _archive({f"{name}.png": png(pixels) for name, pixels in case_pictures(result).items()})


def write_case(result: CaseResult, folder: Path) -> None:
    """Write a finished case: its pictures, `arrays.npz`, `table.csv` and `case.json`.

    Raises:
        CannotWrite: the folder cannot be written; nothing of the case is.
    """
    from radar_core.pictures import case_pictures
    from radar_core.view.blob import png

    text = json.dumps(result.as_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_all(
        {
            **{folder / f"{name}.png": png(raw) for name, raw in case_pictures(result).items()},
            folder / "arrays.npz": arrays(result),
            folder / "table.csv": table(result).encode(),
            folder / "case.json": text.encode(),
        }
    )


def table(result: CaseResult) -> str:
    """Readings, distances, metrics and shares of the evidence as CSV, a quantity a row.

    The columns are those of `HEADER`: a row has either a value in each of the two images, or one
    between them, in the unit it names; a value that is not defined is empty. Numbers are written in
    full. A name that a spreadsheet would take for a formula begins with an apostrophe.
    """
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\n")
    write.writerow(HEADER)
    for row in _rows(result):
        write.writerow([_cell(value) for value in row])
    return out.getvalue()


def _rows(result: CaseResult) -> Iterator[tuple[Any, ...]]:
    from radar_core.localisation import LOCALISATION
    from radar_core.metrics import METRICS

    attack = result.attack
    assert attack is not None
    first, then = result.clean_reading, attack.readings_attacked[0]
    yield "reading", "", "class read", "", first.label, then.label, None
    for name, value in first.probabilities.items():
        unit = "probability, 0 to 1"
        yield "reading", "", name, unit, value, then.probabilities[name], None
    yield "attack", attack.attack, "status", "", None, None, attack.status[0]
    one = "of a range of 1"
    yield "attack", attack.attack, "L-infinity distance", one, None, None, attack.linf[0]
    yield "attack", attack.attack, "L2 distance", one, None, None, attack.l2[0]
    changed = "share of all pixels, 0 to 1"
    yield "attack", attack.attack, "pixels changed", changed, None, None, attack.changed[0]
    for name, saved in result.saved.items():
        said = saved.reading
        yield "saved again", name, "class read", "", None, said.label, None
        unit = "probability of that class, 0 to 1"
        yield "saved again", name, "probability", unit, None, said.probability, None
    for id, scores in result.scores.items():
        for name, value in scores.items():
            metric = METRICS[name]
            bounds = f"{metric.low:g} to {metric.high:g}"
            unit = f"{metric.unit}, {bounds}" if metric.unit else bounds
            yield "metric", id, name, unit, None, None, value
    for id, masks in result.evidence.items():
        for mask, measures in masks.items():
            for name, pair in measures.items():
                measure = LOCALISATION[name]
                unit = f"{measure.low:g} to {measure.high:g}"
                yield "attribution", id, f"{name} in the {mask}", unit, *pair, None


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else ""
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _npy(values: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(values), allow_pickle=False)
    return buffer.getvalue()


def _archive(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in files.items():
            entry = zipfile.ZipInfo(name, _DATED)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, raw)
    return buffer.getvalue()
