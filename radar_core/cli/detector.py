"""`detector`: fit, combine and calibrate what screens the images of one model."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from radar_core.cli.common import watched


def add(commands: Any) -> None:
    """Enter the command."""
    command = commands.add_parser("detector", help="make what screens the images of a model")
    plan_options(command)
    command.add_argument("--out", type=Path, help="the file; by default where screen looks for it")
    command.set_defaults(run=_detector)


def plan_options(command: argparse.ArgumentParser) -> None:
    """What a detector is made of."""
    option = command.add_argument
    option("--data", default="phantom", help="images of the kind that the model was trained on")
    option("--model", default="phantom", help="a model's name or .safetensors file")
    option("--fit", type=int, default=210, help="clean training images to learn from")
    option("--tune", type=int, default=42, help="training images to attack and combine with")
    option("--calibrate", type=int, default=140, help="clean validation images for the threshold")
    option("--against", default="fgsm,pgd,deepfool,cw", help="attacks to combine against")
    option("--against-eps", default="1/255,2/255,4/255", help="their ε")
    option("--seed", type=int, default=0)
    option("--keep", type=Path, help="a folder that keeps what is measured, to go on from")


def gathered(arguments: argparse.Namespace, progress: Any) -> tuple[Any, Any, Any, Any, Any]:
    """Data, model, plan, measurer and material as the options name them."""
    from radar_core.data import open_data
    from radar_core.data.parts import with_splits
    from radar_core.models import load_model
    from radar_core.uncover.making import Plan, gather
    from radar_core.uncover.measuring import Measurer

    model = load_model(arguments.model)
    data, _ = with_splits(open_data(arguments.data))
    plan = Plan(
        fit=arguments.fit,
        tune=arguments.tune,
        calibrate=arguments.calibrate,
        attacks=tuple(arguments.against.split(",")),
        eps=tuple(arguments.against_eps.split(",")),
        seed=arguments.seed,
    )
    measurer = Measurer(model, plan.seed, arguments.keep)
    return data, model, plan, measurer, gather(data, model, plan, measurer, progress)


def _detector(arguments: argparse.Namespace) -> int:
    from radar_core.detection.detector import place_of
    from radar_core.uncover.making import assemble, described

    progress = watched()
    data, model, plan, _, material = gathered(arguments, progress)
    made = assemble(material, described(data, model, plan, material))
    path = arguments.out or place_of(arguments.model, write=True)
    made.save(path)
    progress.step(1.0, "written")
    print(path)
    return 0
