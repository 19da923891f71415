"""`train`: train a classifier."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import Any

from radar_core.cli.common import watched, writable
from radar_core.params import build, controls

_RECIPE = (("epochs", int), ("small-epochs", int), ("batch", int), ("rate", float), ("seed", int))


def add(commands: Any) -> None:
    """Enter the command."""
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


def _train(arguments: argparse.Namespace) -> int:
    from dataclasses import asdict

    from radar_core.data import open_data
    from radar_core.evaluation import evaluate
    from radar_core.models.store import load_model, save_model
    from radar_core.models.training import Recipe, train
    from radar_core.models.zoo import architecture
    from radar_core.runtime import machine, versions

    out: Path = arguments.out.with_suffix(".safetensors")
    architecture(arguments.arch)
    writable(out.parent)
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
        progress=watched(),
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
    found = evaluate(load_model(out), data.split("test"), progress=watched())
    card["figures"] = {"test": found.card()}
    save_model(load_model(out), out, card)
    print(json.dumps(card["figures"], indent=2))
    print(f"wrote {out} and its card")
    return 0
