"""`screen`: how unusual single images are, without a clean twin."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radar_core.cli.common import watched
from radar_core.errors import BadData, BadImage

if TYPE_CHECKING:
    from radar_core.types import Case
    from radar_core.uncover.screening import Screening


def add(commands: Any) -> None:
    """Enter the command."""
    command = commands.add_parser("screen", help="is an image, or each of a folder, suspicious?")
    option = command.add_argument
    option("image", help="a file, all images of a folder, or one of --data by id or index")
    option("--data", default="phantom", help="phantom, a folder or a CSV file")
    option("--split", default=None, help="one split of the data; phantom: test")
    option("--model", default="phantom", help="a model's name or .safetensors file")
    option("--detector", type=Path, help="a file that detector wrote; by default that of the model")
    option("--json", action="store_true", help="print one JSON object an image, a line each")
    command.set_defaults(run=_screen)


def _screen(arguments: argparse.Namespace) -> int:
    from radar_core.detection.detector import load_detector, place_of
    from radar_core.models import load_model
    from radar_core.uncover.screening import screen

    model = load_model(arguments.model)
    detector = load_detector(arguments.detector or place_of(arguments.model))
    detector.check(model)
    unread = 0
    for case in _cases(arguments):
        if isinstance(case, BadImage):
            print(f"radar: {case}", file=sys.stderr)
            unread += 1
            continue
        found = screen(model, case.image, detector, progress=watched())
        if arguments.json:
            line = {"image": case.id, **found.as_dict()}
            print(json.dumps(line, ensure_ascii=False, allow_nan=False), flush=True)
        else:
            print(_said(case.id, found), flush=True)
    return 2 if unread else 0


def _cases(arguments: argparse.Namespace) -> Iterator[Case | BadImage]:
    """The images asked for; of a folder all that can be read, and why others cannot."""
    from radar_core.data import open_data
    from radar_core.data.base import make_case
    from radar_core.data.images import KINDS, SUFFIXES, read_image

    path = Path(arguments.image).expanduser()
    if path.is_file():
        yield make_case(path.name, read_image(path), source=str(path))
    elif path.is_dir():
        files = sorted(f for f in path.rglob("*") if f.suffix.lower() in SUFFIXES)
        if not files:
            raise BadData(f"{path} holds no {KINDS} image")
        for file in files:
            try:
                name = file.relative_to(path).as_posix()
                yield make_case(name, read_image(file), source=str(file))
            except BadImage as error:
                yield error
    else:
        data = open_data(arguments.data, split=arguments.split)
        yield data.case(data.find(arguments.image))


def _said(name: str, found: Screening) -> str:
    label, probability = found.reading.label, found.reading.probability
    lines = [f"{name}: reads {label}, {probability:.0%}.", f"  {found.sentence()}"]
    lines += [f"  {driver.said}" for driver in found.drivers]
    lines.append("  Research software, not a medical device.")
    return "\n".join(lines)
