"""Which models read which data, by what their cards say they were trained on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from radar_core.evaluation.words import same_data

if TYPE_CHECKING:
    from radar_core.models.store import ModelInfo


def models_for(data: str, models: Iterable[ModelInfo]) -> list[ModelInfo]:
    """The models that were trained on a data set."""
    return [one for one in models if same_data(str(one.card.get("trained_on", "")), data)]


def data_for(model: ModelInfo, names: Iterable[str]) -> list[str]:
    """The data sets, of some names, that a model was trained on."""
    return [name for name in names if same_data(str(model.card.get("trained_on", "")), name)]


def titles(models: Sequence[ModelInfo]) -> str:
    """Their titles with commas."""
    return ", ".join(one.title for one in models)
