"""The results of an experiment as files that others read: CSV, Parquet, LaTeX, one HTML page."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING

from radar_core.experiments import summary
from radar_core.experiments.consistency import summarise
from radar_core.experiments.store import PARTS, ExperimentStore
from radar_core.writing import write_all

if TYPE_CHECKING:
    from pandas import DataFrame

TABLES: Mapping[str, Callable[[DataFrame], DataFrame]] = MappingProxyType(
    {
        "robustness": summary.robustness,
        "robustness_by_class": lambda rows: summary.robustness(rows, by=["label"]),
        "success_curves": summary.along_epsilon,
        "consistency": summarise,
        "images": summary.by_image,
        "costs": summary.costs,
        "transfer": summary.transfer,
        "failures": summary.failures,
        "as_in_the_paper": summary.paper_table,
    }
)


def tables(rows: DataFrame) -> dict[str, DataFrame]:
    """Every table of an experiment, by name."""
    return {name: make(rows) for name, make in TABLES.items()}


def files(store: ExperimentStore) -> dict[str, bytes]:
    """All rows, each table as CSV, Parquet and LaTeX, and `report.html`, by their names.

    Raises:
        BadParameter: the folder holds no experiment.
    """
    from radar_core.experiments.report import html

    rows = store.rows(store.wanted())
    found = tables(rows)
    manifest = store.manifest()
    assert manifest is not None
    made = {"rows.parquet": parquet(rows)}
    for name, table in found.items():
        made[f"{name}.csv"] = table.to_csv(index=False).encode()
        made[f"{name}.parquet"] = parquet(table)
        made[f"{name}.tex"] = latex(table).encode()
    return made | {"report.html": html(manifest, rows, found["consistency"]).encode()}


def write_results(store: ExperimentStore) -> None:
    """Write `files` into `results/`.

    Raises:
        BadParameter: the folder holds no experiment. CannotWrite: no room, or no permission.
    """
    write_all({store.folder / "results" / name: each for name, each in files(store).items()})


def current(store: ExperimentStore) -> bool:
    """Whether `results/` is of all that there is: nothing has been found or asked for since."""
    try:
        when = (store.folder / "results" / "report.html").stat().st_mtime_ns
        later = [*store.cells.glob("*.parquet"), store.folder / PARTS]
        return when >= max(path.stat().st_mtime_ns for path in later)
    except OSError:
        return False


def written(store: ExperimentStore) -> dict[str, bytes]:
    """`files`, read from `results/` where those are of all that there is, else made anew.

    Raises:
        BadParameter: the folder holds no experiment.
    """
    if current(store):
        with suppress(OSError):
            return {path.name: path.read_bytes() for path in (store.folder / "results").iterdir()}
    return files(store)


def parquet(table: DataFrame) -> bytes:
    """A table as a Parquet file."""
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()


def latex(table: DataFrame) -> str:
    """A table as a LaTeX tabular of booktabs; what LaTeX reads as a command is escaped."""
    import numpy as np

    def shown(value: object) -> str:
        if isinstance(value, float):
            return "" if np.isnan(value) else f"{value:.3g}"
        special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
        escaped = {sign: f"\\{sign}" for sign in "&%$#_{}"}
        greek = {"ε": r"$\varepsilon$", "∞": r"$\infty$"}
        known = special | escaped | greek
        return "".join(known.get(sign, sign) for sign in str(value))

    kinds = "".join("r" if t.kind in "fiu" else "l" for t in map(np.dtype, _kinds(table)))
    lines = [" & ".join(shown(value) for value in row) for row in table.itertuples(index=False)]
    head = " & ".join(shown(name) for name in table.columns)
    body = " \\\\\n".join(lines) + (" \\\\" if lines else "")
    return (
        f"\\begin{{tabular}}{{{kinds}}}\n\\toprule\n{head} \\\\\n\\midrule\n{body}\n"
        "\\bottomrule\n\\end{tabular}\n"
    )


def _kinds(table: DataFrame) -> list[str]:
    """The kind of each column as numpy has it; texts and categories are objects."""
    return [t.str if hasattr(t, "str") and t.kind in "fiu" else "O" for t in table.dtypes]
