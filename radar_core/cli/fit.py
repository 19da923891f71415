"""`fit`: fit a universal perturbation on one split, to be applied to another."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from radar_core.cli.common import attack_options, data_options, pairs, watched, writable
from radar_core.verdict import percent


def add(commands: Any) -> None:
    """Enter the command."""
    fit = commands.add_parser("fit", help="fit a universal perturbation, and store it")
    data_options(fit)
    attack_options(fit, "uap")
    fit.add_argument("--images", type=int, default=64, help="how many to fit on")
    fit.add_argument("--out", type=Path, required=True, help="the .safetensors file to write")
    fit.set_defaults(run=_fit, split="train")


def _fit(arguments: argparse.Namespace) -> int:
    from radar_core.api import fit
    from radar_core.case.ground import FIT_SEED
    from radar_core.data import open_data
    from radar_core.data.sampling import in_turn, readable
    from radar_core.models import load_model

    writable(arguments.out.parent)
    model = load_model(arguments.model)
    data = open_data(arguments.data, split=arguments.split)
    cases = readable(data, in_turn(data, FIT_SEED), max(1, arguments.images))
    pattern = fit(
        model,
        [model.prepare(case.image)[0] for case in cases],
        arguments.attack,
        target=arguments.towards or None,
        seed=arguments.seed,
        fitted_on=f"the {arguments.split} split of {data.title}",
        progress=watched(),
        **dict(pairs(arguments.param)),
    )
    path = pattern.save(arguments.out)
    share = f"{percent(pattern.fooled)} of the {pattern.images} images it was fitted on"
    print(f"wrote {path}: it turns {share}")
    print(f"use it on others: --attack {arguments.attack} --pattern {path}")
    return 0
