"""What is measured of the images of a data set: clean, benignly changed, attacked. Kept on disk."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from radar_core.attacks import ATTACKS
from radar_core.detection.detector import joined, measure
from radar_core.runtime import Progress
from radar_core.uncover.look import look

if TYPE_CHECKING:
    from radar_core.detection.guard import Guard
    from radar_core.models.classifier import Classifier
    from radar_core.types import Case

FORMAT = 2  # of what is kept; another one is measured anew
BATCH = 8

# Changes that mean nothing, as (attack of the family *benign*, ε, parameters).
BENIGN: Mapping[str, tuple[str, str | None, Mapping[str, Any]]] = MappingProxyType(
    {
        "JPEG, quality 75": ("jpeg", None, {"quality": 75}),
        "noise of ±4/255": ("sign_noise", "4/255", {}),
        "lighter by 16/255": ("brightness", "16/255", {}),
        "darker by 16/255": ("brightness", "16/255", {"darker": True}),
        "resized to 75 % and back": ("resize", None, {"percent": 75}),
        "moved by a pixel": ("shift", None, {}),
    }
)


@dataclass(frozen=True)
class Change:
    """What is done to images before they are looked at; nothing for clean ones.

    Attributes:
        attack: of the registry, or empty. eps: None for one without.
    """

    attack: str = ""
    eps: str | None = None
    parameters: tuple[tuple[str, Any], ...] = ()


CLEAN = Change()


def knows(change: Change) -> bool:
    """Whether what is done to images depends on the detector."""
    return bool(change.attack) and ATTACKS[change.attack].family == "knows the screening"


@dataclass(eq=False)
class Measurer:
    """Has one model look at images, each kind of change once.

    Args:
        folder: where what is measured is kept; None keeps nothing.
        guard: the detector that attacks know which *know the screening*.
    """

    model: Classifier
    seed: int = 0
    folder: Path | None = None
    guard: Guard | None = None

    def __post_init__(self) -> None:
        self._sha256 = self.model.sha256()

    def __call__(
        self, cases: Sequence[Case], change: Change = CLEAN, progress: Progress | None = None
    ) -> tuple[dict[str, Tensor], Tensor]:
        """What scores are made of, and (n,) whether each image counts as what it is said to be.

        A clean or benignly changed image always counts, an attacked one where the attack turned the
        reading.

        Raises:
            AttackFailed, BadModel, Cancelled.
        """
        progress = progress or Progress()
        parts, counts = [], []
        for start in range(0, len(cases), BATCH):
            here = progress.part(start / len(cases), min(1.0, (start + BATCH) / len(cases)))
            measured, counted = self._batch(cases[start : start + BATCH], change, here)
            parts.append(measured)
            counts.append(counted)
        return joined(parts), torch.cat(counts)

    def _batch(
        self, cases: Sequence[Case], change: Change, progress: Progress
    ) -> tuple[dict[str, Tensor], Tensor]:
        path = None if self.folder is None else self.folder / f"{self._key(cases, change)}.npz"
        if path is not None and path.is_file():
            try:
                with np.load(io.BytesIO(path.read_bytes())) as kept:
                    found = {name: torch.from_numpy(kept[name]) for name in kept.files}
                return found, found.pop("counts")
            except (OSError, ValueError, KeyError, zipfile.BadZipFile):
                path.unlink(missing_ok=True)
        images = torch.cat([self.model.prepare(case.image) for case in cases])
        counts = torch.ones(len(cases), dtype=torch.bool)
        if change.attack:
            images, counts = self._changed(cases, images, change, progress.part(0, 0.5))
        measured = measure(look(self.model, images, seed=self.seed, progress=progress.part(0.5, 1)))
        if path is not None:
            _keep(path, {**measured, "counts": counts})
        return measured, counts

    def _changed(
        self, cases: Sequence[Case], images: Tensor, change: Change, progress: Progress
    ) -> tuple[Tensor, Tensor]:
        from radar_core.api import attack

        names = self.model.class_names
        result = attack(
            self.model,
            images,
            change.attack,
            change.eps,
            label=[case.label if case.label in names else None for case in cases],
            seed=self.seed,
            progress=progress,
            guard=self.guard if knows(change) else None,
            **dict(change.parameters),
        )
        benign = ATTACKS[change.attack].family == "benign"
        counts = torch.tensor([benign or status == "flipped" for status in result.status])
        return result.images, counts

    def _key(self, cases: Sequence[Case], change: Change) -> str:
        import hashlib
        import json

        from radar_core.detection import DETECTORS
        from radar_core.runtime import versions
        from radar_core.settings import settings
        from radar_core.uncover import look as looking

        about = [FORMAT, self._sha256, self.seed, settings().precision, looking.PASSES]
        about += [sorted(versions().items()), list(DETECTORS), [self._print(c) for c in cases]]
        about += [change.attack, change.eps, [(n, str(v)) for n, v in change.parameters]]
        if knows(change):
            about.append(self.guard.detector.sha256() if self.guard else "")
        text = json.dumps(about, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:24]

    @staticmethod
    def _print(case: Case) -> str:
        from radar_core.data.base import pixels_sha256

        pixels = (case.image * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
        return f"{case.id} {case.label} {pixels_sha256(pixels)}"


def _keep(path: Path, values: Mapping[str, Tensor]) -> None:
    from radar_core.writing import write_whole

    buffer = io.BytesIO()
    arrays: dict[str, Any] = {name: value.numpy() for name, value in values.items()}
    np.savez(buffer, **arrays)
    write_whole(path, buffer.getvalue())
