"""`defend`: what cheap defences would have made of a case."""

from __future__ import annotations

import argparse
import json
from typing import Any

from radar_core.case import run_case, run_defences
from radar_core.case.defending import Defended, said
from radar_core.cli.common import asked, case_options, watched


def add(commands: Any) -> None:
    """Enter the command."""
    command = commands.add_parser(
        "defend", help="what cheap defences would have made of an attack that does not know them"
    )
    case_options(command)
    command.add_argument(
        "--hardened",
        action="append",
        default=[],
        metavar="MODEL",
        help="an adversarially trained model of the same classes that reads in its place",
    )
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.set_defaults(run=_defend)


def _defend(arguments: argparse.Namespace) -> int:
    from radar_core.models import load_model

    wanted = asked(arguments)
    hardened = [load_model(name) for name in arguments.hardened]
    progress = watched()
    *_, case = run_case(
        wanted.spec,
        data=wanted.data,
        model=wanted.model,
        case=wanted.case,
        pattern=wanted.pattern,
        progress=progress.part(0, 0.6),
    )
    *_, found = run_defences(case, wanted.model, hardened=hardened, progress=progress.part(0.6, 1))
    if arguments.json:
        whole = {"case": case.as_dict(), "defences": [one.as_dict() for one in found]}
        print(json.dumps(whole, ensure_ascii=False, allow_nan=False))
    else:
        print(_table(found))
    return 0


def _table(found: tuple[Defended, ...]) -> str:
    from radar_core.verdict import named

    lines = [
        f"{one.title}: clean {named(one.clean)}, attacked {named(one.attacked)}: {one.outcome}"
        for one in found
    ]
    return "\n".join([*lines, said(found), "Research software, not a medical device."])
