"""What of an experiment can be taken away: report, tables, rows, figures, attacked images."""

from __future__ import annotations

import io
import shlex
import tempfile
import zipfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import streamlit as st

from radar_core.experiments.background import Experiment
from radar_core.ui.experiment_parts import IMAGES, KEPT
from radar_core.ui.text import quiet

LARGEST = 200 * 2**20  # bytes of kept images that a page packs; more of them are for the command


def downloads(one: Experiment) -> None:
    """Files of all that there is by now, each made when its button is pressed."""
    from radar_core.experiments.results import written

    store = one.store
    with st.expander(":material/download: Download", key="experiments.downloads"):
        with st.container(horizontal=True, gap="small"):
            for label, ending, kind, make in (
                ("Report", "html", "text/html", lambda: written(store)["report.html"]),
                ("Tables", "zip", "application/zip", lambda: _zipped(written(store))),
                (
                    "All rows",
                    "parquet",
                    "application/vnd.apache.parquet",
                    lambda: written(store)["rows.parquet"],
                ),
            ):
                st.download_button(
                    f"{label} ({ending.upper()})",
                    make,
                    f"{one.name}.{ending}",
                    kind,
                    key=f"experiments.download.{ending}",
                    icon=":material/download:",
                    on_click="ignore",
                )
        quiet(
            "The report is one page that needs nothing beside it. Tables: each as CSV, Parquet and "
            "LaTeX. The rows are what all tables are made of."
        )
        st.segmented_control(
            "Save charts as",
            IMAGES,
            default=IMAGES[0],
            key="experiments.figures",
            format_func=str.upper,
            required=True,
            help="By the button above a chart, under the mouse.",
            **KEPT,
        )
        _images(one)


def _images(one: Experiment) -> None:
    """The attacked images as a data set for others."""
    if one.spec is None:
        return
    if one.spec.keep == "none":
        quiet("It kept no images; choose *Keep … and images* to export them as a data set.")
        return
    said = ["python", "-m", "radar_core", "export", str(one.folder), "--out", f"{one.name}-images"]
    quiet("Attacked images as a data set: pictures in folders by class, a table, and a card.")
    if not one.active and _size(one.folder / "arrays") <= LARGEST:
        st.download_button(
            "Attacked images (ZIP)",
            partial(_set, one.folder),
            f"{one.name}-images.zip",
            "application/zip",
            key="experiments.download.images",
            icon=":material/download:",
            on_click="ignore",
        )
    st.code(shlex.join(said), language=None)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.*"))


def _set(folder: Path) -> bytes:
    from radar_core.experiments.adversaries import export_set

    with tempfile.TemporaryDirectory() as place:
        made = export_set(folder, Path(place) / "set").folder
        files = sorted(path for path in made.rglob("*") if path.is_file())
        return _zipped({p.relative_to(made).as_posix(): p.read_bytes() for p in files})


def _zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(name, content)
    return buffer.getvalue()
