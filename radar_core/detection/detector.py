"""A detector of one model: scores fitted on clean images, combined, and calibrated on others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor

from radar_core.detection import DETECTORS, State
from radar_core.detection.combination import Combination
from radar_core.detection.likeness import APPEARANCE, Likeness
from radar_core.errors import BadModel
from radar_core.writing import write_whole

if TYPE_CHECKING:
    from radar_core.detection.seen import Seen
    from radar_core.models.classifier import Classifier

FORMAT = 3
FALSE_ALARMS = 0.05  # share of clean images that are called suspicious
ENDING = ".detector"

Measured = Mapping[str, Tensor]  # by score: (n, d), what it is made of; and the appearance


def measure(seen: Seen) -> dict[str, Tensor]:
    """What every score takes of images, and their appearance, on the CPU.

    Scores that the model has nothing for are left out.
    """
    found = {}
    if seen.appearance is not None:
        found[APPEARANCE] = seen.appearance.detach().float().cpu()
    for id in DETECTORS:
        score = DETECTORS.create(id)
        if all(seen.has(need) for need in score.needs):
            found[id] = score.measure(seen).detach().float().cpu()
    return found


def joined(parts: Sequence[Measured]) -> dict[str, Tensor]:
    """What was measured of several batches, as one."""
    return {id: torch.cat([part[id] for part in parts]) for id in parts[0]}


def chosen(measured: Measured, rows: Any) -> dict[str, Tensor]:
    """What was measured of some images."""
    return {id: values[rows] for id, values in measured.items()}


def fit_scores(measured: Measured, labels: Tensor) -> dict[str, State]:
    """The state of every score, from clean training images alone."""
    return {
        id: {name: value.float() for name, value in DETECTORS.create(id).fit(m, labels).items()}
        for id, m in measured.items()
        if id != APPEARANCE
    }


def scores(measured: Measured, states: Mapping[str, State]) -> dict[str, Tensor]:
    """Every score of images, (n,) float32 each, higher for more suspicious."""
    return {
        id: DETECTORS.create(id).score(measured[id], state).float() for id, state in states.items()
    }


@dataclass(frozen=True, eq=False)
class Detector:
    """What tells unusual images from clean ones, for one model.

    Attributes:
        about: of which model (`model`, `model_sha256`) and data it was made, of how many images,
            against which attacks, with which versions and seed.
        states: of each score.
        clean: of each score, and of `suspicion`: the values of held-out clean images, sorted.
        combination: of all scores to one suspicion.
        threshold: suspicion that `FALSE_ALARMS` of the held-out clean images pass.
        kinds: by each description of an image's kind, what is near enough to the images of its
            making to be told of.
    """

    about: Mapping[str, Any]
    states: Mapping[str, State]
    clean: Mapping[str, Float[Tensor, " m"]]
    combination: Combination
    threshold: float
    kinds: Mapping[str, Likeness] = field(default_factory=dict)

    def suspicion(self, measured: Measured) -> Float[Tensor, " n"]:
        """How suspicious images are, all scores together; higher is more."""
        return self.combination(scores(measured, self.states))

    def percentile(self, name: str, value: float) -> float:
        """The share of held-out clean images whose score, or `suspicion`, is lower, in per cent."""
        reference = self.clean[name]
        return 100.0 * float((reference < value).sum()) / len(reference)

    def unlike(self, measured: Measured) -> dict[str, Tensor]:
        """In each description of an image's kind, (n,) whether images are like neither the clean
        nor the attacked ones of its making."""
        return {name: kind.unlike(measured[name]) for name, kind in self.kinds.items()}

    def check(self, model: Classifier) -> None:
        """Refuse another model.

        Raises:
            BadModel: the detector was made for other weights.
        """
        if model.sha256() != self.about["model_sha256"]:
            raise BadModel(
                f"this detector was made for {self.about['model']}, not for {model.name} as it is; "
                "make one for this model"
            )

    def save(self, path: Path) -> None:
        """Write it as one safetensors file.

        Raises:
            CannotWrite: no room, or no permission.
        """
        write_whole(path, self._whole())

    def sha256(self) -> str:
        """The hash of the file that `save` writes."""
        return hashlib.sha256(self._whole()).hexdigest()

    def _whole(self) -> bytes:
        from safetensors.torch import save

        tensors = {f"clean/{name}": value for name, value in self.clean.items()}
        tensors |= {f"combination/{name}": v for name, v in self.combination.tensors().items()}
        for id, state in self.states.items():
            tensors |= {f"state/{id}/{name}": value for name, value in state.items()}
        for name, kind in self.kinds.items():
            tensors |= {f"kind/{name}/{part}": value for part, value in kind.tensors().items()}
        said = {
            "format": FORMAT,
            "about": dict(self.about),
            "scores": list(self.states),
            "threshold": self.threshold,
            "kinds": list(self.kinds),
        }
        kept = {name: value.contiguous() for name, value in tensors.items()}
        written: bytes = save(kept, {"radar.detector": json.dumps(said, ensure_ascii=False)})
        return written


def place_of(model: str, *, write: bool = False) -> Path:
    """Where the detector of a model lies, or comes to lie.

    Args:
        model: a name or a file, as `load_model` takes it. A file has its detector beside it.
        write: where a new one comes to lie.
    """
    from radar_core.settings import settings

    path = Path(model).expanduser()
    if path.suffix or len(path.parts) > 1:
        return path.with_suffix(ENDING)
    own = settings().trained_path / f"{model}{ENDING}"
    there = [folder / f"{model}{ENDING}" for folder in settings().model_paths]
    return own if write else next((p for p in [own, *there] if p.is_file()), own)


def figures_of(place: Path) -> Path:
    """Where the figures of a bench lie, beside the detector that it tested."""
    return place.with_name(place.stem + ".detection.json")


def load_figures(place: Path, detector: Detector) -> dict[str, Any] | None:
    """The figures of a bench that lie beside a detector; None without any of this very one."""
    try:
        found = json.loads(figures_of(place).read_text(encoding="utf-8"))
        return dict(found) if found["detector"] == detector.sha256() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def load_detector(path: Path) -> Detector:
    """Read what `Detector.save` wrote.

    Raises:
        BadModel: no such file, or it holds no detector that this version reads.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise BadModel(f"there is no detector at {path}; python -m radar_core detector makes one")
    try:
        with safe_open(path, "pt") as file:
            said = json.loads((file.metadata() or {})["radar.detector"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if said["format"] != FORMAT:
            raise _OtherVersion
        return Detector(
            about=said["about"],
            states={id: _under(tensors, f"state/{id}/") for id in said["scores"]},
            clean=_under(tensors, "clean/"),
            combination=Combination.of(_under(tensors, "combination/"), said["scores"]),
            threshold=float(said["threshold"]),
            kinds={n: Likeness(**_under(tensors, f"kind/{n}/")) for n in said["kinds"]},
        )
    except _OtherVersion:
        raise BadModel(
            f"{path} is a detector of another version of RADAR; python -m radar_core detector "
            "makes it anew"
        ) from None
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        raise BadModel(f"{path} holds no detector") from None


class _OtherVersion(Exception):
    """A file that another version wrote."""


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t.float() for n, t in tensors.items() if n.startswith(prefix)}
