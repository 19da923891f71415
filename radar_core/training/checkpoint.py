"""The state of a training between two epochs, in one file that is written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from radar_core.errors import BadModel
from radar_core.training.plan import STATE
from radar_core.writing import write_whole


@dataclass(eq=False)
class State:
    """How far a training is.

    Attributes:
        spec: what determines the training; a state of another one is refused.
        epoch: how many are done.
        history: a row an epoch.
        best_rate, best_score, best_epoch: of the epochs at full size, the one of highest balanced
            accuracy on the validation split; between equals, of the lower cross-entropy.
        tensors: by name, in groups: `module.`, `average.`, `best.`, `optimiser.`.
    """

    spec: dict[str, Any]
    epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    best_rate: float = -1.0
    best_score: float = float("inf")
    best_epoch: int = 0
    tensors: dict[str, Tensor] = field(default_factory=dict)

    def improved(self, rate: float, score: float) -> bool:
        """Whether these figures are the best so far; they are then kept as such."""
        better = (rate, -score) > (self.best_rate, -self.best_score)
        if better:
            self.best_rate, self.best_score = rate, score
        return better

    def group(self, name: str) -> dict[str, Tensor]:
        """The tensors of a group, by their names within it."""
        start = f"{name}."
        return {k.removeprefix(start): v for k, v in self.tensors.items() if k.startswith(start)}

    def put(self, name: str, tensors: Mapping[str, Tensor]) -> None:
        """Replace a group by copies that later steps do not change."""
        for key in [k for k in self.tensors if k.startswith(f"{name}.")]:
            del self.tensors[key]
        for key, value in tensors.items():
            self.tensors[f"{name}.{key}"] = value.detach().cpu().clone().contiguous()

    def save(self, folder: Path) -> None:
        """Write the file; where that fails, the one before stays.

        Raises:
            CannotWrite: no room, or no permission.
        """
        numbers = {
            "spec": self.spec,
            "epoch": self.epoch,
            "history": self.history,
            "best_rate": self.best_rate,
            "best_score": self.best_score,
            "best_epoch": self.best_epoch,
        }
        write_whole(folder / STATE, save(self.tensors, {"state": json.dumps(numbers)}))


def load_state(folder: Path) -> State | None:
    """The state in a folder, or None where there is none.

    Raises:
        BadModel: it is damaged.
    """
    path = folder / STATE
    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            numbers = json.loads(file.metadata()["state"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # no dict
        return State(tensors=tensors, **numbers)
    except (SafetensorError, OSError, TypeError, ValueError, KeyError) as error:
        raise BadModel(
            f"the state of the training in {folder} is damaged ({error}); remove it to start anew"
        ) from None
