"""`adopt`: take a model from elsewhere into the list."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radar_core.cli.common import watched
from radar_core.errors import BadParameter

if TYPE_CHECKING:
    from radar_core.adoption import Found


def add(commands: Any) -> None:
    """Enter the command."""
    adopt = commands.add_parser("adopt", help="take a model from elsewhere into the list")
    adopt.add_argument("file", type=Path, help="safetensors, a checkpoint of weights, or a program")
    adopt.add_argument("--name", help="of letters, digits, - and _; the file's if absent")
    classes = adopt.add_mutually_exclusive_group()
    classes.add_argument("--classes", metavar="A,B,…", help="in the order of the logits")
    classes.add_argument("--classes-from", metavar="DATA", help="those of a data set, in its order")
    adopt.add_argument("--arch", help="of the zoo, torchvision:NAME or timm:NAME; else guessed")
    adopt.add_argument("--size", type=int, help="side of the images in pixels")
    adopt.add_argument("--mean", metavar="R,G,B", help="of the training images, in [0, 1]")
    adopt.add_argument("--std", metavar="R,G,B")
    adopt.add_argument("--cam-layer", metavar="LAYER", help="for Grad-CAM, or none")
    adopt.add_argument("--trained-on", metavar="TEXT", help="for the card: phantom, or a data set")
    adopt.add_argument("--licence", help="of the weights")
    adopt.add_argument("--title", help="shown on the pages")
    adopt.add_argument("--replace", action="store_true", help="a model of that name")
    adopt.add_argument("--yes", action="store_true", help="ask nothing")
    adopt.set_defaults(run=_adopt)


def _adopt(arguments: argparse.Namespace) -> int:
    from radar_core.adoption import adopt, inspect_checkpoint
    from radar_core.adoption.stated import class_list, classes_wanted, three_numbers
    from radar_core.models.own import proposed_name

    if arguments.size is not None and not 16 <= arguments.size <= 2048:
        raise BadParameter(f"--size is 16 to 2048 pixels, not {arguments.size}")
    mean = three_numbers("--mean", arguments.mean)
    std = three_numbers("--std", arguments.std)
    classes = _classes(arguments)
    progress = watched()
    found = inspect_checkpoint(
        arguments.file, architecture=arguments.arch, input_size=arguments.size, progress=progress
    )
    progress.step(1.0, "compared")
    print(_table(found, classes, mean, std, arguments.cam_layer))
    ask = _ask if sys.stdin.isatty() and not arguments.yes else None
    if arguments.arch is None and "architecture" in found.missing:
        chosen = _wanted(ask, f"Which of {', '.join(found.architectures)}? ", "--arch", found)
        found = inspect_checkpoint(
            arguments.file, architecture=chosen, input_size=arguments.size, progress=progress
        )
    if classes is None and "class_names" in found.missing:
        asked = f"The {classes_wanted(found)}, with commas: "
        classes = class_list(_wanted(ask, asked, "--classes a,b,… or --classes-from DATA", found))
    name = arguments.name or proposed_name(arguments.file.name)
    done = adopt(
        arguments.file,
        name=name,
        class_names=classes,
        mean=mean,
        std=std,
        cam_layer=arguments.cam_layer,
        trained_on=arguments.trained_on,
        licence=arguments.licence,
        title=arguments.title,
        replace=arguments.replace,
        found=found,
    )
    print(f"wrote {done.path} and its card; read back, its logits differ by {done.difference:.1g}")
    words = ["python", "-m", "radar_core", "case", "--data", "phantom", "--model", name]
    print(f"next: {shlex.join(words)} --image 0 --attack fgsm --explain gradcam")
    return 0


def _classes(arguments: argparse.Namespace) -> tuple[str, ...] | None:
    from radar_core.adoption.stated import class_list

    if arguments.classes_from is not None:
        from radar_core.data import open_data

        return tuple(open_data(arguments.classes_from).class_names)
    return None if arguments.classes is None else class_list(arguments.classes)


def _ask(question: str) -> str:
    try:
        return input(question).strip()
    except EOFError:
        return ""


def _wanted(ask: Callable[[str], str] | None, question: str, option: str, found: Found) -> str:
    """An answer, where there is somebody to give it."""
    answer = ask(question) if ask else ""
    if not answer:
        what = "which architecture it is" if "--arch" in option else "its class names"
        raise BadParameter(f"{found.path.name} does not say {what}; give {option}")
    return answer


def _table(found: Found, *stated: Any) -> str:
    """What was found, and where each value comes from."""
    from radar_core.adoption.stated import rows

    lines = [
        f"{key:<13} {value}{f'  ({source})' if source else ''}"
        for key, value, source in rows(found, *stated)
    ]
    return "\n".join([*lines, *found.notes])
