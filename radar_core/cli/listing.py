"""`list`: the registered methods and the models."""

from __future__ import annotations

import argparse
import json
from typing import Any

from radar_core.registry import Registry

KINDS = ("attacks", "explainers", "metrics", "localisation", "models", "architectures")


def add(commands: Any) -> None:
    """Enter the command."""
    listing = commands.add_parser("list", help="the registered methods and the models")
    listing.add_argument("kind", nargs="?", choices=KINDS)
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(run=_list)


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
    from radar_core.localisation import LOCALISATION
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
        "localisation": LOCALISATION,
    }
    return registries[kind].describe()
