"""A detector as an attacker sees who knows it: its suspicion, with a gradient."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from radar_core.detection import DETECTORS
from radar_core.detection.detector import ENDING, Detector, load_detector, place_of
from radar_core.detection.seen import Seen
from radar_core.detection.views import COPIES, SQUEEZERS, copies
from radar_core.errors import BadModel
from radar_core.runtime import generator

if TYPE_CHECKING:
    from radar_core.models.classifier import Classifier

VIEWS = 1 + len(SQUEEZERS) + COPIES  # passes of one suspicion


@dataclass(frozen=True, eq=False)
class Guard:
    """The suspicion of a detector, differentiable by the image.

    Scores that pass no gradient on (those of explanations) are taken to be as in clean images.
    Squeezers are passed backwards as if they left the image alone (BPDA). Source: Athalye et al.
    2018, arXiv:1802.00420, section 4.1.
    """

    model: Classifier
    detector: Detector

    def __call__(
        self, images: Float[Tensor, "n 3 s s"], tick: Callable[[], None] = lambda: None
    ) -> Float[Tensor, " n"]:
        """The suspicion of images, higher for more; the noise is that of the detector.

        Args:
            tick: called before each of the `VIEWS` passes.
        """

        def passed(variant: Tensor) -> Tensor:
            tick()
            logits: Tensor = self.model(variant)
            return logits

        with contextlib.ExitStack() as stack:
            try:
                passes = stack.enter_context(self.model.penultimate())
            except BadModel:
                passes = []
            logits = passed(images)
            features = passes[0] if passes else None
        squeezed = {
            name: passed(_straight(squeeze(images.detach()), images))
            for name, squeeze in SQUEEZERS.items()
        }
        draws = generator(int(self.detector.about["seed"]), "screen")
        noisy = torch.stack([passed(copy) for copy in copies(images, draws)])
        return self._suspicion(Seen(logits, features, squeezed, noisy))

    def _suspicion(self, seen: Seen) -> Tensor:
        combination = self.detector.combination
        values = {}
        for middle, name in zip(combination.middle, combination.names, strict=True):
            score = DETECTORS.create(name)
            values[name] = (
                score.score(score.measure(seen), self.detector.states[name])
                if score.differentiable
                else middle.to(seen.logits.device).expand(len(seen.logits))
            )
        return combination(values)


def _straight(squeezed: Tensor, images: Tensor) -> Tensor:
    """What was squeezed, with the gradient of the identity."""
    return images + (squeezed - images).detach()


def guard_of(model: Classifier) -> Guard:
    """The guard of the detector that was made for a model: of its name, or beside its file.

    Raises:
        BadModel: there is none, or none that fits: of other weights, or of an older version.
    """
    places = [place_of(model.name)]
    if model.file is not None:
        places.append(model.file.with_suffix(ENDING))
    why = BadModel(
        f"nothing screens the images of {model.name} yet, so there is nothing to know: the page "
        "Screening, or python -m radar_core detector, makes a detector"
    )
    for place in reversed([place for place in places if place.is_file()]):
        try:
            detector = _loaded(place, place.stat().st_mtime_ns)
            detector.check(model)
        except BadModel as error:
            why = error
        else:
            return Guard(model, detector)
    raise why


@lru_cache(maxsize=2)
def _loaded(place: Path, written: int) -> Detector:
    """The detector in a file; `written` tells one version of the file from the next."""
    return load_detector(place)
