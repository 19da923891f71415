"""The command line: `python -m radar_core case | list | train | dashboard`."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from radar_core.case import TARGETS, CaseResult, CaseSpec, run_case
from radar_core.errors import BadParameter, CannotWrite, RadarError
from radar_core.params import build, controls
from radar_core.registry import Registry
from radar_core.runtime import Progress

_RECIPE = (("epochs", int), ("small-epochs", int), ("batch", int), ("rate", float), ("seed", int))
KINDS = ("attacks", "explainers", "metrics", "models", "architectures")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 on success, 2 with one sentence on an error the user can mend."""
    arguments = _parser().parse_args(argv)
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="radar_core", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    case = commands.add_parser("case", help="attack and explain one image")
    case.add_argument("--data", default="phantom", help="phantom, a folder or a CSV file")
    case.add_argument("--split", default=None, help="one split of the data; phantom: test")
    case.add_argument("--image", default="0", help="an id, an index or an image file")
    case.add_argument("--model", default="phantom", help="a model's name or .safetensors file")
    case.add_argument("--attack", default="pgd")
    case.add_argument("--eps", default="4/255", help="4/255, 0.0157 or normalised:0.01")
    case.add_argument(
        "--param", action="append", default=[], metavar="NAME=VALUE", help="of the attack"
    )
    case.add_argument("--explain", default="gradcam,shap,lime", help="ids with commas, or none")
    case.add_argument("--target", default="clean", choices=list(TARGETS), help="class explained")
    case.add_argument("--seed", default=0, type=int)
    case.add_argument("--json", action="store_true", help="print one JSON object")
    case.add_argument("--out", type=Path, help="write pictures, maps and the JSON there")
    case.set_defaults(run=_case)

    listing = commands.add_parser("list", help="the registered methods and the models")
    listing.add_argument("kind", nargs="?", choices=KINDS)
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(run=_list)

    train = commands.add_parser("train", help="train a classifier")
    train.add_argument("--data", default="phantom", help="phantom, a folder or a CSV file")
    train.add_argument("--arch", default="regnet_x_400mf", help="see: list architectures")
    train.add_argument("--start", help="a stored model of that architecture to start from")
    train.add_argument("--out", type=Path, required=True, help="the .safetensors file to write")
    train.add_argument("--title", help="shown on the pages")
    train.add_argument("--licence", default="MIT", help="of the weights")
    train.add_argument("--half", action="store_true", help="store weights as float16")
    for name, value in _RECIPE:
        train.add_argument(f"--{name}", type=value, default=None)
    train.set_defaults(run=_train)

    dashboard = commands.add_parser("dashboard", help="open the dashboard")
    dashboard.add_argument("--port", type=int, default=8501)
    dashboard.add_argument("--no-browser", action="store_true", help="only serve")
    dashboard.set_defaults(run=_dashboard)
    return parser


def _progress() -> Progress:
    """Progress on standard error where a person watches."""
    if not sys.stderr.isatty():
        return Progress()

    def report(fraction: float, note: str) -> None:
        end = "\n" if fraction >= 1 else ""
        print(f"\r\033[K{fraction:4.0%}  {note}", end=end, file=sys.stderr, flush=True)

    return Progress(report)


def _pairs(given: Sequence[str]) -> tuple[tuple[str, Any], ...]:
    pairs = []
    for text in given:
        name, separator, value = text.partition("=")
        if not separator:
            raise BadParameter(f"--param takes NAME=VALUE, not {text!r}")
        pairs.append((name.strip(), value.strip()))
    return tuple(pairs)


def _case(arguments: argparse.Namespace) -> int:
    from radar_core.case import check_spec
    from radar_core.data import open_data
    from radar_core.data.base import make_case
    from radar_core.data.images import read_image
    from radar_core.models import load_model

    explainers = [] if arguments.explain == "none" else arguments.explain.split(",")
    spec = CaseSpec(
        data=arguments.data,
        image=arguments.image,
        model=arguments.model,
        attack=arguments.attack,
        eps=arguments.eps,
        attack_parameters=_pairs(arguments.param),
        explainers=tuple(id.strip() for id in explainers),
        target=arguments.target,
        seed=arguments.seed,
    )
    check_spec(spec)
    if arguments.out:
        _writable(arguments.out)
    model = load_model(arguments.model)
    file = Path(arguments.image).expanduser()
    if file.is_file():
        case = make_case(file.name, read_image(file), source=str(file))
        data = None
    else:
        data = open_data(arguments.data, split=arguments.split)
        case = data.case(data.find(arguments.image))
    *_, result = run_case(spec, data=data, model=model, case=case, progress=_progress())
    if arguments.out:
        from radar_core.pictures import write_case

        write_case(result, arguments.out)
    if arguments.json:
        print(json.dumps(result.as_dict(), ensure_ascii=False, allow_nan=False))
    else:
        print(_summary(result))
    return 0


def _writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(f"{folder} cannot be made ({error.strerror}); choose another") from None
    if not os.access(folder, os.W_OK):
        raise CannotWrite(f"{folder} cannot be written to; choose another folder")


def _summary(result: CaseResult) -> str:
    from radar_core.metrics import METRICS
    from radar_core.runtime import machine
    from radar_core.verdict import sentence

    lines = [f"{result.case.id}{' (synthetic)' if result.case.synthetic else ''}", sentence(result)]
    lines += list(result.notes)
    for id, scores in result.scores.items():
        values = ", ".join(f"{METRICS[m].title.lower()} {v:.3f}" for m, v in scores.items())
        lines.append(f"{result.explanations[id].title}: {values}")
    lines.append(
        f"{result.seconds:.1f} s, {result.passes.forward} forward and {result.passes.backward} "
        f"backward passes. {machine().note} Research software, not a medical device."
    )
    return "\n".join(lines)


def _list(arguments: argparse.Namespace) -> int:
    kinds = (arguments.kind,) if arguments.kind else KINDS
    listed = {kind: _rows(kind) for kind in kinds}
    if arguments.json:
        print(json.dumps(listed, ensure_ascii=False))
        return 0
    for kind, rows in listed.items():
        print(kind)
        for row in rows:
            print(f"  {row['id']:<20} {row['title']}: {row['about']}")
            for name, control in row.get("parameters", {}).items():
                print(f"  {'':<20} {name}={control['default']}  {control['help']}".rstrip())
    return 0


def _rows(kind: str) -> list[dict[str, Any]]:
    from radar_core.attacks import ATTACKS
    from radar_core.explainers import EXPLAINERS
    from radar_core.metrics import METRICS
    from radar_core.models import list_models
    from radar_core.models.zoo import ARCHITECTURES

    if kind == "models":
        return [
            {"id": m.name, "title": m.title, "about": m.card.get("about", ""), "card": dict(m.card)}
            for m in list_models()
        ]
    if kind == "architectures":
        return [
            {"id": id, "title": a.title, "about": f"{a.input_size} px, Grad-CAM at {a.cam_layer}"}
            for id, a in ARCHITECTURES.items()
        ]
    registries: dict[str, Registry[Any]] = {
        "attacks": ATTACKS,
        "explainers": EXPLAINERS,
        "metrics": METRICS,
    }
    return registries[kind].describe()


def _train(arguments: argparse.Namespace) -> int:
    from dataclasses import asdict

    from radar_core.data import open_data
    from radar_core.models.store import load_model, save_model
    from radar_core.models.training import Recipe, measure, train
    from radar_core.models.zoo import architecture
    from radar_core.runtime import machine, versions

    out: Path = arguments.out.with_suffix(".safetensors")
    architecture(arguments.arch)
    _writable(out.parent)
    given = {n: getattr(arguments, n) for n in controls(Recipe) if hasattr(arguments, n)}
    recipe = build(Recipe, {n: v for n, v in given.items() if v is not None})
    data = open_data(arguments.data)

    def row(values: dict[str, float]) -> None:
        print("  ".join(f"{k} {v:.4g}" for k, v in values.items()), flush=True)

    start = load_model(arguments.start) if arguments.start else None
    trained = train(
        data,
        arguments.arch,
        recipe,
        name=out.stem,
        start=start,
        progress=_progress(),
        report=row,
    )
    card: dict[str, Any] = {
        "title": arguments.title or f"{architecture(arguments.arch).title} on {data.title}",
        "architecture": arguments.arch,
        "precision": "float16" if arguments.half else "float32",
        "trained_on": data.name,
        "data": data.split("train").found,
        "licence": arguments.licence,
        "recipe": {
            "command": shlex.join(["python", "-m", "radar_core", *sys.argv[1:]]),
            "started_from": start.card.get("recipe") if start else None,
            **asdict(recipe),
            "temperature": trained.temperature,
            "seconds": round(trained.seconds),
            "machine": machine().note,
            "versions": versions(),
            "history": [{k: round(v, 4) for k, v in r.items()} for r in trained.history],
        },
    }
    save_model(trained.model, out, card)
    card["figures"] = {"test": measure(load_model(out), data.split("test"), _progress())}
    save_model(load_model(out), out, card)
    print(json.dumps(card["figures"], indent=2))
    print(f"wrote {out} and its card")
    return 0


def _dashboard(arguments: argparse.Namespace) -> int:
    from radar_core.launch import dashboard

    return dashboard(arguments.port, open_browser=not arguments.no_browser)
