"""`curve`: one image attacked at every ε of an axis."""

from __future__ import annotations

import argparse
import json
from typing import Any

from radar_core.case import CurveResult, run_curve
from radar_core.cli.common import asked, case_options, watched
from radar_core.verdict import certainty, flip_sentence


def add(commands: Any) -> None:
    """Enter the command."""
    curve = commands.add_parser("curve", help="attack one image at every ε of an axis")
    case_options(curve)
    curve.add_argument("--grid", default="", help="default, paper, or values such as 0,1/255,2/255")
    curve.add_argument("--json", action="store_true", help="print one JSON object")
    curve.set_defaults(run=_curve)


def _curve(arguments: argparse.Namespace) -> int:
    wanted = asked(arguments)
    *_, result = run_curve(
        wanted.spec,
        data=wanted.data,
        model=wanted.model,
        case=wanted.case,
        grid=arguments.grid,
        pattern=wanted.pattern,
        progress=watched(),
    )
    if arguments.json:
        print(json.dumps(result.as_dict(), ensure_ascii=False, allow_nan=False))
    else:
        print(_table(result))
    return 0


def _table(result: CurveResult) -> str:
    from radar_core.metrics import METRICS

    first = result.clean_reading.label
    metrics = [
        (id, name)
        for id, scores in result.scores.items()
        for name in scores
        if METRICS[name].role == "headline"
    ]
    head = ["ε", "status", f"P({first})", "reads", "L∞·255", "L2", "png", "jpeg95"]
    rows = [head + [f"{id} {name}" for id, name in metrics]]
    for i, eps in enumerate(result.axis):
        frame = result.frames[i]
        now = frame.readings_attacked[0]
        survives = [saved.survives for saved in result.saved[i].values()]
        rows.append(
            [
                eps.label,
                frame.status[0],
                certainty(now.probabilities[first]),
                f"{now.label} {certainty(now.probability)}",
                f"{frame.linf[0] * 255:.3g}",
                f"{frame.l2[0]:.3g}",
                *("—" if kept is None else "flipped" if kept else "lost" for kept in survives),
                *(f"{result.scores[id][name][i]:.3f}" for id, name in metrics),
            ]
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(r, widths, strict=True)) for r in rows]
    return "\n".join([*lines, flip_sentence(result.flip) if result.flip else ""])
