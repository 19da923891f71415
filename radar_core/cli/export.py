"""`export`: the attacked images of an experiment as a data set for others."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from radar_core.cli.common import watched


def add(commands: Any) -> None:
    """Enter the command."""
    command = commands.add_parser(
        "export", help="the attacked images of an experiment as a data set, with table and card"
    )
    command.add_argument("experiment", type=Path, help="its folder; it kept images")
    command.add_argument("--out", type=Path, required=True, help="a new folder")
    command.set_defaults(run=_export)


def _export(arguments: argparse.Namespace) -> int:
    from radar_core.experiments.adversaries import export_set

    made = export_set(arguments.experiment, arguments.out, watched())
    for said in made.unread:
        print(f"radar: {said}", file=sys.stderr)
    print(f"{len(made.rows)} attacked pictures in {made.folder}")
    return 0
