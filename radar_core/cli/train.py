"""`train`: train a classifier."""

from __future__ import annotations

import argparse
import json
import shlex
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from radar_core.cli.common import watched
from radar_core.params import build, controls

UNITS = {"/255": "in 255ths of the range", "px": "in pixels"}


def add(commands: Any) -> None:
    """Enter the command."""
    from radar_core.training.recipe import Recipe

    train = commands.add_parser("train", help="train a classifier, or go on with a training")
    train.add_argument("--data", default="phantom", help="phantom, a folder or a CSV file")
    train.add_argument("--arch", default="efficientnet_lite0", help="see: list architectures")
    train.add_argument(
        "--out", type=Path, required=True, help="the model's folder, or the .safetensors file"
    )
    train.add_argument(
        "--pretrained",
        default="auto",
        metavar="auto|none|FILE",
        help="ImageNet weights, random ones, or a .safetensors or weights-only file",
    )
    train.add_argument("--folds", type=int, default=0, help="cross-validate, groups kept whole")
    train.add_argument(
        "--resume", action="store_true", help="go on where this training was stopped or killed"
    )
    train.add_argument("--title", default="", help="shown on the pages")
    train.add_argument("--licence", default="", help="of the weights")
    train.add_argument("--note", default="", help="a sentence for the card: its limits")
    train.add_argument("--half", action="store_true", help="store weights as float16")
    for name, control in controls(Recipe).items():
        unit = f", {UNITS.get(control.unit, f'in {control.unit}')}" if control.unit else ""
        said = f": {control.help}" if control.help else ""
        known = f" ({', '.join(control.options)})" if control.options else ""
        train.add_argument(
            f"--{name.replace('_', '-')}",
            dest=name,
            metavar=control.kind.upper(),
            help=f"{control.title}{unit}{said}{known}; {control.default}".replace("%", "%%"),
        )
    train.set_defaults(run=_train)


def _train(arguments: argparse.Namespace) -> int:
    from radar_core.data import open_data
    from radar_core.errors import BadParameter
    from radar_core.training.folds import run_folds
    from radar_core.training.plan import Plan
    from radar_core.training.recipe import Recipe
    from radar_core.training.run import run_training

    given = {name: getattr(arguments, name) for name in controls(Recipe)}
    plan = Plan(
        arch=arguments.arch,
        out=arguments.out,
        recipe=build(Recipe, {n: v for n, v in given.items() if v is not None}),
        pretrained=arguments.pretrained,
        title=arguments.title,
        licence=arguments.licence,
        note=arguments.note,
        half=arguments.half,
        command=shlex.join(["python", "-m", "radar_core", *sys.argv[1:]]),
        data=arguments.data,
    )
    if arguments.folds == 1 or arguments.folds < 0:
        raise BadParameter(f"--folds takes 2 or more, not {arguments.folds}")
    data = open_data(arguments.data)
    signal.signal(signal.SIGTERM, _interrupt)  # a stop like any other: the best model is kept
    if arguments.folds:
        found = run_folds(
            plan,
            data,
            arguments.folds,
            resume=arguments.resume,
            progress=watched(),
            report=lambda number: lambda row: _say(row, f"fold {number + 1}  "),
        )
        print(json.dumps(found, indent=2))
        return 0
    file = run_training(plan, data, resume=arguments.resume, progress=watched(), report=_say)
    card = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    print(json.dumps(card["figures"], indent=2))
    print(f"wrote {file} and its card")
    return 0


def _say(row: dict[str, float], before: str = "") -> None:
    print(before + "  ".join(f"{k} {v:.4g}" for k, v in row.items()), flush=True)


def _interrupt(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one would break off the storing
    raise KeyboardInterrupt
