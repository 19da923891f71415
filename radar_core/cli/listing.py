"""`list`: the registered methods, the models, the data sets, and what fits what."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from radar_core.registry import Registry

if TYPE_CHECKING:
    from radar_core.data.library import Offered
    from radar_core.models.store import ModelInfo

KINDS = (
    *("attacks", "explainers", "metrics", "localisation", "detectors", "defences"),
    *("models", "data", "architectures"),
)


def add(commands: Any) -> None:
    """Enter the command."""
    listing = commands.add_parser("list", help="the methods, the models and the data sets")
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
    from radar_core.data.library import offered
    from radar_core.defences import DEFENCES
    from radar_core.detection import DETECTORS
    from radar_core.explainers import EXPLAINERS
    from radar_core.localisation import LOCALISATION
    from radar_core.metrics import METRICS
    from radar_core.models import list_models
    from radar_core.models.zoo import ARCHITECTURES

    if kind == "models":
        return [_model(info) for info in list_models()]
    if kind == "data":
        return [_data(one) for one in offered()]
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
        "detectors": DETECTORS,
        "defences": DEFENCES,
    }
    return registries[kind].describe()


def _model(info: ModelInfo) -> dict[str, Any]:
    """A model's row, with the data offered here that it was trained on."""
    from radar_core.data.library import offered
    from radar_core.models.matching import data_for

    reads = data_for(info, (one.name for one in offered()))
    trained = str(info.card.get("trained_on") or "")
    said = [
        str(info.card.get("about", "")),
        f"trained on {trained}" if trained else "its card does not say what it was trained on",
    ]
    return {
        "id": info.name,
        "title": info.title,
        "about": "; ".join(part.rstrip(".") for part in said if part),
        "reads": reads,
        "card": dict(info.card),
    }


def _data(one: Offered) -> dict[str, Any]:
    """A data set's row, with the models that were trained on it."""
    from radar_core.data.library import summary
    from radar_core.models import list_models
    from radar_core.models.matching import models_for, titles

    found, models = summary(one), models_for(one.name, list_models())
    said = found.error or found.found
    return {
        "id": one.name,
        "title": one.title,
        "about": f"{said}; read by {titles(models)}" if models else said,
        "kind": one.kind,
        "classes": list(found.class_names),
        "read_by": [info.name for info in models],
        "problems": len(found.problems),
    }
