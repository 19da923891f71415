"""`report`: a case as a PDF, one HTML page and JSON."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from radar_core.case import CaseResult, CurveResult, FloorResult, run_case, run_curve, run_floor
from radar_core.case.floor import CONTROLS
from radar_core.cli.common import Asked, asked, case_options, watched
from radar_core.errors import BadParameter
from radar_core.runtime import Progress


def add(commands: Any) -> None:
    """Enter the command."""
    report = commands.add_parser("report", help="write the report of a case: PDF, HTML and JSON")
    case_options(report)
    report.add_argument("--out", type=Path, default=Path("report"), help="folder for the files")
    report.add_argument(
        "--floor",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="hold the numbers against benign noise; takes longest",
    )
    report.add_argument(
        "--controls", type=int, default=CONTROLS, help="benign controls; 19 or more"
    )
    report.add_argument(
        "--curve",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="attack the image at every ε, too",
    )
    report.add_argument("--grid", default="", help="of ε: default, paper, or 0,1/255,2/255")
    report.set_defaults(run=_report)


def _report(arguments: argparse.Namespace) -> int:
    from radar_core.report import report
    from radar_core.verdict import sentence

    if not 1 <= arguments.controls <= 1000:
        raise BadParameter(f"--controls lies between 1 and 1000, not {arguments.controls}")
    wanted, progress = asked(arguments), watched()
    *_, case = run_case(
        wanted.spec,
        data=wanted.data,
        model=wanted.model,
        case=wanted.case,
        pattern=wanted.pattern,
        progress=progress.part(0, 0.15),
    )
    curve = _curve(wanted, arguments, progress.part(0.15, 0.4))
    floor = _floor(case, wanted, arguments, progress.part(0.4, 0.98))
    paths = report(case, floor, curve).save(arguments.out)
    progress.step(1.0, "written")
    print(sentence(case))
    for path in paths.values():
        print(path)
    return 0


def _curve(wanted: Asked, arguments: argparse.Namespace, progress: Progress) -> CurveResult | None:
    """The case along ε, for an attack that has one."""
    from radar_core.attacks import ATTACKS

    if not arguments.curve or ATTACKS[wanted.spec.attack].placing == "own":
        return None
    *_, curve = run_curve(
        wanted.spec,
        data=wanted.data,
        model=wanted.model,
        case=wanted.case,
        grid=arguments.grid,
        pattern=wanted.pattern,
        progress=progress,
    )
    return curve


def _floor(
    case: CaseResult, wanted: Asked, arguments: argparse.Namespace, progress: Progress
) -> FloorResult | None:
    """The noise floor, where there are maps and a change of some size."""
    attack = case.attack
    assert attack is not None
    size = (attack.linf if attack.norm == "linf" else attack.l2)[0]
    if not arguments.floor or not case.explanations or not size:
        return None
    *_, floor = run_floor(
        case,
        data=wanted.data,
        model=wanted.model,
        controls=arguments.controls,
        progress=progress,
    )
    return floor
