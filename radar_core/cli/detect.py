"""`detect`: how often screening is right, by score, attack and ε, on test images."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radar_core.cli.common import watched, writable
from radar_core.cli.detector import gathered, plan_options

if TYPE_CHECKING:
    from pandas import DataFrame


def add(commands: Any) -> None:
    """Enter the command."""
    command = commands.add_parser(
        "detect", help="how often screening uncovers attacks, and how often it is wrong"
    )
    plan_options(command)
    option = command.add_argument
    option("--split", default="test", help="the images to test on")
    option("--attacks", default="fgsm,pgd,deepfool,cw", help="attacks to test, with commas")
    option("--eps", default="1/255,2/255,4/255", help="their ε, with commas")
    option("--detectors", default="", help="scores to show, with commas; all by default")
    option("--images", type=int, default=70, help="test images, classes in turn")
    option(
        "--also",
        action="append",
        default=[],
        metavar="DATA",
        help="another set, say of another camera: how often its clean images are called unusual",
    )
    option("--out", type=Path, required=True, help="a folder for the tables")
    option(
        "--store",
        action="store_true",
        help="keep the detector and its figures beside the model, where screen looks for them",
    )
    option("--json", action="store_true", help="print one JSON object")
    command.set_defaults(run=_detect)


def _detect(arguments: argparse.Namespace) -> int:
    from radar_core.data import open_data
    from radar_core.detection import DETECTORS
    from radar_core.detection.detector import figures_of, place_of
    from radar_core.detection.guard import Guard
    from radar_core.uncover.bench import evaluate, measure_test
    from radar_core.uncover.look import PASSES
    from radar_core.uncover.making import assemble, attacks_at, described
    from radar_core.uncover.report import html
    from radar_core.writing import write_all, write_whole

    wanted = [name for name in arguments.detectors.split(",") if name]
    for name in wanted:
        DETECTORS[name]  # one that is none is said before minutes of work
    writable(arguments.out)
    arguments.keep = arguments.keep or arguments.out / "measured"
    progress = watched()
    also = [open_data(name) for name in arguments.also]
    attacks, eps = (tuple(given.split(",")) for given in (arguments.attacks, arguments.eps))
    changes = attacks_at(attacks, eps)
    data, model, plan, measurer, material = gathered(arguments, progress.part(0, 0.6))
    detector = assemble(material, described(data, model, plan, material))
    measurer.guard = Guard(model, detector)
    found = measure_test(
        data,
        measurer,
        changes,
        arguments.images,
        progress.part(0.6, 0.98),
        arguments.split,
        also,
    )
    bench = evaluate(material, found, wanted)
    progress.step(1.0, "written")
    rows, alarms = bench.tables()
    about = {"model": model.name, "data": data.title, "images": len(found.images)}
    whole = {
        **about,
        "command": shlex.join(["python", "-m", "radar_core", *sys.argv[1:]]),
        "passes": PASSES,
        "detector": detector.about,
    }
    tables = {"detection": _plain(rows), "false_alarms": _plain(alarms)}
    out = arguments.out
    write_all(
        {
            out / "detection.csv": rows.to_csv(index=False).encode(),
            out / "false_alarms.csv": alarms.to_csv(index=False).encode(),
            out / "detection.html": html(whole, rows, alarms).encode(),
        }
    )
    if arguments.store:
        place = place_of(arguments.model, write=True)
        detector.save(place)
        kept = json.dumps({**about, "detector": detector.sha256(), **tables}, ensure_ascii=False)
        write_whole(figures_of(place), kept.encode())
    if arguments.json:
        print(json.dumps({**about, **tables}, ensure_ascii=False, allow_nan=False))
    else:
        print(_said(rows, alarms))
    return 0


def _plain(table: DataFrame) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(table.to_json(orient="records", force_ascii=False))
    return rows


def _said(rows: DataFrame, alarms: DataFrame) -> str:
    """The tables as text: AUROC of each score by attack and ε, low ε first."""
    wide = rows.assign(frame=rows.attack + " " + rows.eps).pivot_table(
        index="detector", columns="frame", values="auroc", sort=False
    )
    return f"{wide.round(3).to_string()}\n\n{alarms.round(3).to_string(index=False)}"
