"""`evaluate`: how well a model reads a labelled data set."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radar_core.cli.common import data_options, watched, writable
from radar_core.errors import BadParameter, CannotWrite

if TYPE_CHECKING:
    from radar_core.evaluation import Evaluation


def add(commands: Any) -> None:
    """Enter the command."""
    evaluate = commands.add_parser("evaluate", help="measure a model on a labelled data set")
    data_options(evaluate)
    evaluate.add_argument("--replicates", type=int, default=1000, help="of the bootstrap")
    evaluate.add_argument("--seed", default=0, type=int, help="of the bootstrap")
    evaluate.add_argument("--out", type=Path, help="folder for evaluation.json, .html and the CSV")
    evaluate.add_argument("--json", action="store_true", help="print one JSON object")
    evaluate.set_defaults(run=_evaluate)


def _evaluate(arguments: argparse.Namespace) -> int:
    from radar_core.data import open_data
    from radar_core.evaluation import evaluate
    from radar_core.models import load_model

    if arguments.replicates < 1:
        raise BadParameter(f"--replicates is a number from 1, not {arguments.replicates}")
    if arguments.out:
        writable(arguments.out)
    model = load_model(arguments.model)
    data = open_data(arguments.data, split=arguments.split)
    if arguments.split is None and "test" in {entry.split for entry in data.entries}:
        data = data.split("test")  # the others flatter
    found = evaluate(
        model, data, replicates=arguments.replicates, seed=arguments.seed, progress=watched()
    )
    # The model as it was asked for: a name here, a path there.
    words = ["python", "-m", "radar_core", "evaluate", "--data", arguments.data]
    words += ["--split", found.split] if found.split != "all" else []
    words += ["--model", arguments.model, "--seed", str(arguments.seed)]
    if arguments.out:
        _write(found, arguments.out, shlex.join(words))
    if arguments.json:
        print(json.dumps(found.as_dict(), ensure_ascii=False, allow_nan=False))
    else:
        print(_summary(found))
    return 0


def _write(found: Evaluation, folder: Path, command: str) -> None:
    from radar_core.evaluation.report import write_html
    from radar_core.evaluation.words import predictions_csv

    as_json = json.dumps(found.as_dict(), indent=2, ensure_ascii=False, allow_nan=False)
    files = {
        "evaluation.json": as_json + "\n",
        "predictions.csv": predictions_csv(found),
        "evaluation.html": write_html(found, command),
    }
    for name, text in files.items():
        try:
            (folder / name).write_text(text, encoding="utf-8")
        except OSError as error:
            raise CannotWrite(
                f"{folder / name} cannot be written ({error.strerror}); choose another folder"
            ) from None


def _summary(found: Evaluation) -> str:
    from radar_core.evaluation.words import (
        TABLE,
        TITLES,
        basis,
        cautions,
        class_rows,
        table_row,
        whole,
    )
    from radar_core.runtime import machine

    others = [name for name in found.figures if name not in TABLE]
    lines = [basis(found), *cautions(found), "", "Per cent, 95 % intervals in brackets:"]
    lines += _aligned([table_row(found)])
    lines += [
        "",
        ", ".join(f"{TITLES[name]} {whole(name, found.figures[name])}" for name in others) + ".",
    ]
    lines += ["", "Each class against the rest:", *_aligned(class_rows(found)), ""]
    lines.append(
        f"{found.seconds:.1f} s. {machine().note} Research software, not a medical device."
    )
    return "\n".join(lines)


def _aligned(rows: Sequence[dict[str, str]]) -> list[str]:
    """Rows under their heads, in columns."""
    table = [list(rows[0]), *(list(row.values()) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
