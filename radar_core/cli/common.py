"""What the commands share: options, progress, and the image that is asked for."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radar_core.case.spec import TARGETS, CaseSpec, check_spec
from radar_core.errors import BadParameter, CannotWrite
from radar_core.runtime import Progress

if TYPE_CHECKING:
    from radar_core.attacks.pattern import Pattern
    from radar_core.data import DataSet
    from radar_core.models import Classifier
    from radar_core.types import Case


def data_options(command: argparse.ArgumentParser) -> None:
    """Where images and model come from."""
    command.add_argument("--data", default="phantom", help="phantom, a folder or a CSV file")
    command.add_argument("--split", default=None, help="one split of the data; phantom: test")
    command.add_argument("--model", default="phantom", help="a model's name or .safetensors file")


def attack_options(command: argparse.ArgumentParser, default: str = "pgd") -> None:
    """Which attack, with which parameters, towards which class."""
    command.add_argument("--attack", default=default)
    command.add_argument(
        "--param", action="append", default=[], metavar="NAME=VALUE", help="of the attack"
    )
    command.add_argument("--towards", default="", metavar="CLASS", help="the class to reach")
    command.add_argument("--seed", default=0, type=int)


def case_options(command: argparse.ArgumentParser) -> None:
    """All that makes a `CaseSpec`."""
    data_options(command)
    attack_options(command)
    command.add_argument(
        "--image", default="0", help="an id, an index, a file, or FILE#FRAME of DICOM"
    )
    command.add_argument(
        "--eps", default=None, help="4/255, 0.0157, normalised:0.01, or own: its own distance"
    )
    command.add_argument("--explain", default="gradcam,shap,lime", help="ids with commas, or none")
    command.add_argument(
        "--explain-param",
        action="append",
        default=[],
        metavar="ID.NAME=VALUE",
        help="of an explainer, such as lime.samples=800",
    )
    command.add_argument("--target", default="clean", choices=list(TARGETS), help="class explained")
    command.add_argument("--pattern", help="of a universal attack: a file that fit wrote")


@dataclass(frozen=True, eq=False)
class Asked:
    """What the options of a case come to."""

    spec: CaseSpec
    data: DataSet | None
    model: Classifier
    case: Case
    pattern: Pattern | None


def asked(arguments: argparse.Namespace) -> Asked:
    """Open what the options name.

    Raises:
        RadarError: something that is not there or cannot be used.
    """
    from radar_core.attacks import ATTACKS
    from radar_core.attacks.pattern import load_pattern
    from radar_core.data import open_data
    from radar_core.data.base import make_case
    from radar_core.data.images import read_image
    from radar_core.models import load_model

    explainers = [] if arguments.explain == "none" else arguments.explain.split(",")
    usual = "4/255" if ATTACKS[arguments.attack].placing == "budget" else "own"
    spec = CaseSpec(
        data=arguments.data,
        image=arguments.image,
        model=arguments.model,
        attack=arguments.attack,
        eps=usual if arguments.eps is None else arguments.eps,
        attack_parameters=pairs(arguments.param),
        towards=arguments.towards,
        explainers=tuple(id.strip() for id in explainers),
        target=arguments.target,
        seed=arguments.seed,
        explainer_parameters=pairs(arguments.explain_param),
    )
    check_spec(spec)
    if getattr(arguments, "out", None):
        writable(arguments.out)
    pattern = load_pattern(arguments.pattern) if arguments.pattern else None
    model = load_model(arguments.model)
    file, frame = _file_and_frame(arguments.image)
    if file.is_file():
        name = file.name if frame is None else f"{file.name}#{frame}"
        case = make_case(name, read_image(file, frame=frame), source=str(file))
        return Asked(spec, None, model, case, pattern)
    data = open_data(arguments.data, split=arguments.split)
    return Asked(spec, data, model, data.case(data.find(arguments.image)), pattern)


def _file_and_frame(image: str) -> tuple[Path, int | None]:
    """An image file, and the frame of it that is asked for: `scan.dcm#7`."""
    path, mark, number = image.rpartition("#")
    if mark and number.isdecimal() and not Path(image).expanduser().is_file():
        return Path(path).expanduser(), int(number)
    return Path(image).expanduser(), None


def watched() -> Progress:
    """Progress on standard error where a person watches."""
    if not sys.stderr.isatty():
        return Progress()

    def report(fraction: float, note: str) -> None:
        end = "\n" if fraction >= 1 else ""
        print(f"\r\033[K{fraction:4.0%}  {note}", end=end, file=sys.stderr, flush=True)

    return Progress(report)


def pairs(given: Sequence[str]) -> tuple[tuple[str, Any], ...]:
    """`NAME=VALUE` as pairs.

    Raises:
        BadParameter: no equals sign.
    """
    found = []
    for text in given:
        name, separator, value = text.partition("=")
        if not separator:
            raise BadParameter(f"a parameter is given as NAME=VALUE, not {text!r}")
        found.append((name.strip(), value.strip()))
    return tuple(found)


def writable(folder: Path) -> None:
    """Make sure of a folder before anything is computed.

    Raises:
        CannotWrite: it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(f"{folder} cannot be made ({error.strerror}); choose another") from None
    if not os.access(folder, os.W_OK):
        raise CannotWrite(f"{folder} cannot be written to; choose another folder")
