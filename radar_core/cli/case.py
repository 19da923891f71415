"""`case`: attack and explain one image."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from radar_core.case import CaseResult, run_case
from radar_core.cli.common import asked, case_options, watched


def add(commands: Any) -> None:
    """Enter the command."""
    case = commands.add_parser("case", help="attack and explain one image")
    case_options(case)
    case.add_argument("--json", action="store_true", help="print one JSON object")
    case.add_argument("--out", type=Path, help="write pictures, maps and the JSON there")
    case.set_defaults(run=_case)


def _case(arguments: argparse.Namespace) -> int:
    wanted = asked(arguments)
    *_, result = run_case(
        wanted.spec,
        data=wanted.data,
        model=wanted.model,
        case=wanted.case,
        pattern=wanted.pattern,
        progress=watched(),
    )
    if arguments.out:
        from radar_core.case.export import write_case

        write_case(result, arguments.out)
    if arguments.json:
        print(json.dumps(result.as_dict(), ensure_ascii=False, allow_nan=False))
    else:
        print(_summary(result))
    return 0


def _summary(result: CaseResult) -> str:
    from radar_core.metrics import METRICS
    from radar_core.runtime import machine
    from radar_core.verdict import sentence

    lines = [f"{result.case.id}{' (synthetic)' if result.case.synthetic else ''}", sentence(result)]
    lines += list(result.notes)
    for id, scores in result.scores.items():
        values = ", ".join(
            f"{METRICS[m].title.lower()} {v:.3f}"
            for m, v in scores.items()
            if METRICS[m].role != "paper"
        )
        lines.append(f"{result.explanations[id].title}: {values}")
    lines += [f"{id}: {why}" for id, why in result.unexplained.items()]
    lines.append(
        f"{result.seconds:.1f} s, {result.passes.forward} forward and {result.passes.backward} "
        f"backward passes. {machine().note} Research software, not a medical device."
    )
    return "\n".join(lines)
