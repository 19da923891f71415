"""An evaluation as one HTML page that needs nothing beside it."""

from __future__ import annotations

from radar_core.evaluation.curves import roc_curves
from radar_core.evaluation.result import Evaluation
from radar_core.evaluation.words import (
    TITLES,
    basis,
    cautions,
    class_rows,
    data_title,
    interval_of,
    table_row,
    value_of,
)
from radar_core.markup import STYLE, cell, table, text, unit_chart
from radar_core.runtime import describe, versions


def write_html(found: Evaluation, command: str) -> str:
    """The page: every figure with its interval, both tables, confusions, curves, calibration."""
    said = "".join(f"<p><b>{text(sentence)}</b></p>" for sentence in cautions(found))
    overall = [
        [f"<td>{text(TITLES[name])}</td>", cell(value_of(name, e), interval_of(name, e))]
        for name, e in found.figures.items()
    ]
    each, row = class_rows(found), table_row(found)
    roc = unit_chart(
        "ROC curve of each class against the rest; the areas stand in the table of classes.",
        "False positive rate",
        "True positive rate",
        roc_curves(found.predictions),
    )
    return "\n".join(
        [
            "<!doctype html><html lang=en><meta charset=utf-8>",
            "<meta name=viewport content='width=device-width'>",
            f"<title>{text(found.model)} on {text(data_title(found.data))}</title>",
            f"<style>{STYLE}</style>",
            f"<h1>How well {text(found.model)} reads {text(data_title(found.data))}</h1>",
            f"<p>{text(basis(found))}</p>{said}",
            "<p class=quiet>Research software, not a medical device.</p>",
            "<h2>In per cent, as Table II of RADAR-MIX</h2>",
            table([text(key) for key in row], [_row(row)]),
            "<h2>Overall, shares in per cent</h2>",
            table(["Figure", "value"], overall),
            "<h2>Each class against the rest, in per cent</h2>",
            table([text(key) for key in each[0]], [_row(one) for one in each]),
            f"<h2>What is read as what</h2>{_confusion(found)}",
            f"<h2>ROC curves</h2>{roc}",
            f"<h2>Reliability</h2>{_reliability(found)}",
            f"<p><code>{text(command)}</code></p>",
            f"<p class=quiet>{text(describe()['note'])} {text(versions())}</p></html>",
        ]
    )


def _row(cells: dict[str, str]) -> list[str]:
    return [f"<td>{text(value)}</td>" for value in cells.values()]


def _confusion(found: Evaluation) -> str:
    labels = list(found.per_class)
    rows = []
    for label, counts in zip(labels, found.confusion.tolist(), strict=True):
        total = sum(counts)
        shares = [count / total if total else 0.0 for count in counts]
        cells = [
            cell(str(count), f"{share:.0%}", share)
            for count, share in zip(counts, shares, strict=True)
        ]
        rows.append([f"<td>{text(label)}</td>", *cells])
    return (
        "<p>Rows are true classes, columns what was read; beneath each count its share of the row."
        "</p>" + table(["", *(text(label) for label in labels)], rows)
    )


def _reliability(found: Evaluation) -> str:
    """The diagram and its counts (Guo et al. 2017)."""
    used = [b for b in found.bins if b.right.of]
    chart = unit_chart(
        "Share read right against the winning probability, in 15 bins; the counts stand beneath.",
        "Winning probability, mean of the bin",
        "Share read right",
        {"the model": [(b.confidence, b.right.value) for b in used]},
        points=True,
    )
    rows = [
        [
            f"<td>{b.low:.2f} to {b.high:.2f}</td>",
            cell(f"{b.right.of:,}"),
            cell(f"{100 * b.confidence:.1f}"),
            cell(
                f"{100 * b.right.value:.1f}",
                " to ".join(f"{100 * end:.1f}" for end in b.right.interval),
            ),
        ]
        for b in used
    ]
    head = ["Winning probability", "images", "mean, per cent", "read right, per cent"]
    return f"{chart}{table(head, rows)}"
