"""`floor`: hold the numbers of a case against benign noise of the same size."""

from __future__ import annotations

import argparse
import json
from typing import Any

from radar_core.case import FloorResult, run_case, run_floor
from radar_core.case.floor import CONTROLS
from radar_core.cli.common import asked, case_options, watched


def add(commands: Any) -> None:
    """Enter the command."""
    floor = commands.add_parser(
        "floor", help="what benign noise of the attack's size does to the numbers of a case"
    )
    case_options(floor)
    floor.add_argument("--controls", type=int, default=CONTROLS, help="benign controls; 19 or more")
    floor.add_argument("--json", action="store_true", help="print one JSON object")
    floor.set_defaults(run=_floor)


def _floor(arguments: argparse.Namespace) -> int:
    from radar_core.errors import BadParameter

    if not 1 <= arguments.controls <= 1000:
        raise BadParameter(f"--controls lies between 1 and 1000, not {arguments.controls}")
    wanted = asked(arguments)
    progress = watched()
    *_, case = run_case(
        wanted.spec,
        data=wanted.data,
        model=wanted.model,
        case=wanted.case,
        pattern=wanted.pattern,
        progress=progress.part(0, 0.1),
    )
    *_, result = run_floor(
        case,
        data=wanted.data,
        model=wanted.model,
        controls=arguments.controls,
        progress=progress.part(0.1, 1),
    )
    if arguments.json:
        whole = {"case": case.as_dict(), "floor": result.as_dict()}
        print(json.dumps(whole, ensure_ascii=False, allow_nan=False))
    else:
        print(_table(result))
    return 0


def _table(result: FloorResult) -> str:
    from radar_core.metrics import METRICS
    from radar_core.verdict import sentence
    from radar_core.wording import percentile

    case = result.case
    lines = [
        sentence(case),
        f"{len(result.readings)} benign controls of the same size; {result.turned} of them change "
        "the reading.",
    ]
    for id, places in result.places.items():
        lines.append(case.explanations[id].title)
        for name, at in places.items():
            share = "" if at.percentile is None else f", {percentile(at)}"
            again = result.repeats.get(id, {}).get(name)
            seed = "" if again is None else f"; another seed {again:.3f}"
            lines.append(f"  {METRICS[name].title}: {at.value:.3f}, {at.word}{share}{seed}")
        for mask, at in result.evidence_places.get(id, {}).items():
            lines.append(f"  Change of the share within the {mask}: {at.value:.3f}, {at.word}")
    lines.append("Unusual is not by itself evidence of tampering. Research software.")
    return "\n".join(lines)
