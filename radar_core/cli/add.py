"""`add`: offer a folder or a CSV file of your own on the pages from now on."""

from __future__ import annotations

import argparse
import shlex
from typing import Any


def add(commands: Any) -> None:
    """Enter the command."""
    adding = commands.add_parser(
        "add", help="offer a folder or CSV file of your own on the pages, or forget it"
    )
    adding.add_argument("path", help="a folder of labelled images, or a CSV file of labels")
    adding.add_argument(
        "--forget", action="store_true", help="take it from the list; its files stay"
    )
    adding.set_defaults(run=_add)


def _add(arguments: argparse.Namespace) -> int:
    from radar_core.data.library import add_folder, forget
    from radar_core.models import list_models
    from radar_core.models.matching import models_for

    if arguments.forget:
        print(f"{forget(arguments.path).name} is no longer in the list; its files are untouched")
        return 0
    one, data = add_folder(arguments.path)
    print(f"{one.name}: {data.found}")
    for problem in data.problems[:3]:
        print(f"  skipped: {problem.name} {problem.why}")
    if len(data.problems) > 3:
        print(f"  and {len(data.problems) - 3:,} more")
    print("it is in the list of the pages, after a restart too; next:")
    name, fitting = shlex.quote(one.name), models_for(one.name, list_models())
    model = fitting[0].name if fitting else "MODEL"
    print(f"python -m radar_core evaluate --data {name} --model {model}")
    print(f"python -m radar_core train --data {name} --out models/my-model")
    return 0
