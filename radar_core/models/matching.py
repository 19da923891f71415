"""Which models read which data, by what their cards say they were trained on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from radar_core.models.store import ModelInfo


def same_data(one: str, other: str) -> bool:
    """Whether two names mean the same data: equal, or the same last folder or file."""
    return one == other or Path(one).name == Path(other).name


def models_for(data: str, models: Iterable[ModelInfo]) -> list[ModelInfo]:
    """The models that were trained on a data set."""
    return [one for one in models if same_data(str(one.card.get("trained_on", "")), data)]


def data_for(model: ModelInfo, names: Iterable[str]) -> list[str]:
    """The data sets, of some names, that a model was trained on."""
    return [name for name in names if same_data(str(model.card.get("trained_on", "")), name)]


def hardened_of(model: str, models: Sequence[ModelInfo]) -> list[str]:
    """The names of adversarially trained models that tell the classes of another one apart."""
    own = next((one for one in models if one.name == model), None)
    if own is None:
        return []
    return [
        one.name
        for one in models
        if (one.card.get("recipe") or {}).get("adversarial")
        and one.name != model
        and one.card["class_names"] == own.card["class_names"]
    ]


def titles(models: Sequence[ModelInfo]) -> str:
    """Their titles with commas."""
    return ", ".join(one.title for one in models)
