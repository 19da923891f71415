"""`sanity`: whether attacks on a model can be trusted."""

from __future__ import annotations

import argparse
import json
from typing import Any

from radar_core.cli.common import data_options, watched
from radar_core.sanity import GRID, SanityReport, run_sanity
from radar_core.verdict import percent

WORDS = {"good": "as it should be", "doubtful": "doubtful", "bad": "NOT as it should be"}


def add(commands: Any) -> None:
    """Enter the command."""
    sanity = commands.add_parser("sanity", help="check that attacks on a model can be trusted")
    data_options(sanity)
    sanity.add_argument("--images", type=int, default=32, help="how many to look at")
    sanity.add_argument("--grid", default=",".join(GRID), help="ε values, separated by commas")
    sanity.add_argument("--seed", default=0, type=int)
    sanity.add_argument("--json", action="store_true", help="print one JSON object")
    sanity.set_defaults(run=_sanity)


def _sanity(arguments: argparse.Namespace) -> int:
    from radar_core.data import open_data
    from radar_core.models import load_model

    model = load_model(arguments.model)
    *_, report = run_sanity(
        open_data(arguments.data, split=arguments.split),
        model,
        images=arguments.images,
        grid=arguments.grid.split(","),
        seed=arguments.seed,
        progress=watched(),
    )
    if arguments.json:
        print(json.dumps(report.as_dict(), ensure_ascii=False, allow_nan=False))
    else:
        print(_summary(report))
    return 0


def _summary(report: SanityReport) -> str:
    from radar_core.runtime import machine

    low, high = report.clean.interval
    lines = [
        f"{report.model} on {report.data}: {report.clean.hits} of {report.clean.of} images read "
        f"right before any attack ({percent(report.clean.value)}, 95 % interval {percent(low)} "
        f"to {percent(high)})"
    ]
    lines += [f"{light.title}: {WORDS[light.state]}. {light.sentence}" for light in report.lights]
    lines.append(f"{report.seconds:.1f} s. {machine().note}")
    return "\n".join(lines)
