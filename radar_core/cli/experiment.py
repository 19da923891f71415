"""`experiment`: a whole grid of models, attacks, ε and explainers over many images, resumable."""

from __future__ import annotations

import argparse
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from radar_core.cli.common import pairs
from radar_core.experiments.engines import NAMES
from radar_core.experiments.spec import FLAGS, LISTS, SINGLE, ExperimentSpec, Kept

if TYPE_CHECKING:
    from radar_core.experiments.course import Course


def add(commands: Any) -> None:
    """Enter the command."""
    command = commands.add_parser(
        "experiment", help="a grid of models, attacks, ε and explainers over many images, resumable"
    )
    option = command.add_argument
    option("--data", help="phantom, a folder or a CSV file")
    option("--split", help="one split of the data; phantom: test")
    option("--models", help="names or .safetensors files, with commas")
    option("--attacks", help="ids with commas")
    option("--eps", help="values with commas")
    option("--explainers", help="ids with commas, all, or none")
    option("--images", type=int, help="how many, classes in turn")
    option("--chunk", type=int, help="images a cell")
    option("--controls", type=int, help="benign controls an attacked image")
    option("--seed", type=int)
    option("--param", action="append", default=[], metavar="ID.NAME=VALUE", help="of an attack")
    option(
        "--explain-param",
        action="append",
        default=[],
        metavar="ID.NAME=VALUE",
        help="of an explainer",
    )
    option("--keep", choices=get_args(Kept), help="keep attacked images and maps, too")
    option("--features", action="store_true", default=None, help="keep penultimate features, too")
    option("--transfer", action="store_true", default=None, help="try each attack on all models")
    option("--paper", action="store_true", help="the grid of the RADAR-MIX paper, corrected")
    option("--out", type=Path, required=True, help="a new folder; with --resume that of a run")
    option("--resume", action="store_true", help="go on; what is not named stays as it was")
    option("--engine", choices=NAMES, default="local")
    option("--workers", type=int, help="cells at a time; by default one a GPU, else one a core")
    option("--threads", type=int, help="CPU threads of a worker; by default its share")
    option("--address", help="of a Ray cluster, such as auto or 10.0.0.1:6379")
    option("--mlflow", metavar="URI", help="log the results there, too; such as file:out/mlruns")
    command.set_defaults(run=_experiment)


def _experiment(arguments: argparse.Namespace) -> int:
    from radar_core.errors import Cancelled
    from radar_core.experiments import mlflow
    from radar_core.experiments.engines import open_engine
    from radar_core.experiments.results import write_results
    from radar_core.experiments.run import run_experiment
    from radar_core.experiments.store import ExperimentStore

    spec, threads = ExperimentSpec(), arguments.threads
    where = mlflow.client(arguments.mlflow) if arguments.mlflow else None
    if arguments.resume:
        store = ExperimentStore(arguments.out)
        spec = store.spec()
        # Sums of another number of threads differ in their last bits.
        threads = threads or (store.manifest() or {}).get("threads")
    spec = _asked(arguments, spec)
    engine = open_engine(arguments.engine, arguments.workers, threads, arguments.address)
    command = shlex.join(["python", "-m", "radar_core", *sys.argv[1:]])
    steps = run_experiment(spec, arguments.out, engine, resume=arguments.resume, command=command)
    last: Course | None = None
    try:
        for last in steps:
            _tell(last)
    except Cancelled:
        print(f"radar: stopped; --resume --out {arguments.out} goes on", file=sys.stderr)
        return 130
    assert last is not None
    write_results(ExperimentStore(arguments.out))
    print(f"wrote {arguments.out / 'results' / 'report.html'}", file=sys.stderr)
    if where is not None:
        run = mlflow.log_results(ExperimentStore(arguments.out), where)
        print(f"logged as {run} at {arguments.mlflow}", file=sys.stderr)
    for failure in last.failures:
        print(f"radar: given up after {failure.tries} tries: {failure.cell}", file=sys.stderr)
        print(failure.error, file=sys.stderr)
    return 1 if last.failures else 0


def _asked(arguments: argparse.Namespace, spec: ExperimentSpec) -> ExperimentSpec:
    """The specification with all that the command line names."""
    given = vars(arguments)
    if arguments.paper:
        from radar_core.experiments.paper import paper_grid, paper_models

        spec = paper_grid(spec)
        if arguments.models is None:
            spec = replace(spec, models=paper_models())
    changed: dict[str, Any] = {n: given[n] for n in (*SINGLE, *FLAGS) if given[n] is not None}
    for name in LISTS:
        if given[name] is not None:
            changed[name] = _listed(given[name])
    if changed.get("explainers") == ("all",):
        from radar_core.explainers import EXPLAINERS

        changed["explainers"] = tuple(EXPLAINERS)
    elif changed.get("explainers") == ("none",):
        changed["explainers"] = ()
    if arguments.param:
        changed["attack_parameters"] = pairs(arguments.param)
    if arguments.explain_param:
        changed["explainer_parameters"] = pairs(arguments.explain_param)
    return replace(spec, **changed)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _tell(course: Course) -> None:
    from radar_core.wording import duration

    if not sys.stderr.isatty():
        if course.state == "done":
            print(f"{course.done} of {course.cells} cells", file=sys.stderr)
        return
    left = "" if course.left is None else f", about {duration(course.left)} left"
    line = f"{course.fraction:4.0%}  {course.done} of {course.cells} cells{left}  {course.note}"
    end = "\n" if course.state == "done" else ""
    print(f"\r\033[K{line[:160]}", end=end, file=sys.stderr, flush=True)
