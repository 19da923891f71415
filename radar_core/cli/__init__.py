"""The command line: `python -m radar_core COMMAND`; each file of this folder is a command."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from radar_core.cli import (
    add,
    adopt,
    case,
    curve,
    dashboard,
    defend,
    detect,
    detector,
    evaluate,
    experiment,
    export,
    fetch,
    fit,
    floor,
    listing,
    prepare,
    report,
    sanity,
    screen,
    train,
)
from radar_core.errors import RadarError

COMMANDS = (
    *(
        case,
        curve,
        floor,
        defend,
        report,
        experiment,
        export,
        fit,
        evaluate,
        sanity,
        listing,
        train,
    ),
    *(add, adopt, fetch, prepare, dashboard, screen, detector, detect),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 on success, 2 with one sentence on an error the user can mend."""
    parser = argparse.ArgumentParser(prog="radar_core", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    arguments = parser.parse_args(argv)
    run: Callable[[argparse.Namespace], int] = arguments.run
    try:
        return run(arguments)
    except RadarError as error:
        print(f"radar: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("radar: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of a pipe has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
