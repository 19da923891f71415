"""One image, screened: how unusual it is, why, and how often that would be wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from radar_core.detection import DETECTORS
from radar_core.detection.detector import FALSE_ALARMS, Detector, measure, scores
from radar_core.detection.likeness import KINDS
from radar_core.detection.views import SQUEEZERS, TITLES
from radar_core.runtime import Progress, count_passes
from radar_core.types import Reading
from radar_core.uncover.look import look
from radar_core.wording import ordinal

if TYPE_CHECKING:
    from radar_core.detection.seen import Seen
    from radar_core.models.classifier import Classifier

Verdict = Literal["usual", "unusual", "cannot tell"]
DRIVERS = 3


@dataclass(frozen=True)
class Driver:
    """A score that drove the suspicion.

    Attributes:
        percentile: of the score among held-out clean images.
        share: what it adds to the suspicion, more than it adds for the median clean image.
        said: one sentence.
    """

    id: str
    title: str
    percentile: float
    share: float
    said: str


@dataclass(frozen=True, eq=False)
class Screening:
    """What screening says of an image.

    Attributes:
        unlike: in what it is unlike all images of the detector's making (see `likeness.KINDS`).
        reading: of the image itself. squeezed: of what squeezers make of it, by their titles.
        suspicion: comparable within one detector only.
        percentile: share of held-out clean images that are less suspicious, in per cent.
        drivers: the scores that raised the suspicion most, the strongest first.
        seen: what the model saw, for pictures.
        passes: forward and backward.
    """

    verdict: Verdict
    unlike: tuple[str, ...]
    reading: Reading
    squeezed: dict[str, Reading]
    suspicion: float
    percentile: float
    drivers: tuple[Driver, ...]
    scores: dict[str, float]
    seen: Seen
    image: Tensor
    passes: Any
    detector: Detector

    def sentence(self) -> str:
        """The verdict, in one sentence that claims no more than is known."""
        return sentence(self.verdict, self.percentile, self.unlike)

    def as_dict(self) -> dict[str, Any]:
        """All but pictures, as plain values."""
        return {
            "verdict": self.verdict,
            "sentence": self.sentence(),
            "unlike": list(self.unlike),
            "reading": {"label": self.reading.label, "probability": self.reading.probability},
            "squeezed": {
                name: {"label": r.label, "probability": r.probability}
                for name, r in self.squeezed.items()
            },
            "suspicion": self.suspicion,
            "percentile": self.percentile,
            "threshold": self.detector.threshold,
            "false_alarm_rate": FALSE_ALARMS,
            "drivers": [
                {"score": d.id, "percentile": d.percentile, "said": d.said} for d in self.drivers
            ],
            "scores": self.scores,
            "passes": {"forward": self.passes.forward, "backward": self.passes.backward},
            "detector": dict(self.detector.about),
        }


def screen(
    model: Classifier,
    image: Tensor,
    detector: Detector,
    *,
    progress: Progress | None = None,
) -> Screening:
    """Screen one image.

    Args:
        image: (3, h, w) in [0, 1].

    Raises:
        BadModel: the detector was made for another model. Cancelled: the watcher asked to stop.
    """
    detector.check(model)
    given = model.prepare(image)
    with count_passes() as passes:
        seen = look(model, given, seed=int(detector.about["seed"]), progress=progress)
    measured = measure(seen)
    values = scores(measured, detector.states)
    suspicion = float(detector.combination(values)[0])
    unlike = tuple(name for name, found in detector.unlike(measured).items() if found.any())
    over = suspicion > detector.threshold
    return Screening(
        verdict="cannot tell" if unlike else "unusual" if over else "usual",
        unlike=unlike,
        reading=model.reading(seen.logits[0].softmax(0).cpu()),
        squeezed={
            TITLES[name]: model.reading(seen.squeezed[name][0].softmax(0).cpu())
            for name in SQUEEZERS
        },
        suspicion=suspicion,
        percentile=detector.percentile("suspicion", suspicion),
        drivers=_drivers(detector, values),
        scores={name: float(value[0]) for name, value in values.items()},
        seen=seen,
        image=given[0],
        passes=passes,
        detector=detector,
    )


def _drivers(detector: Detector, values: dict[str, Tensor]) -> tuple[Driver, ...]:
    """The scores that add most, beyond what they add for a clean image in the middle."""
    shares = {n: float(s[0]) for n, s in detector.combination.shares(values).items()}
    middle = {name: detector.clean[name].median().reshape(1) for name in values}
    usual = {n: float(s[0]) for n, s in detector.combination.shares(middle).items()}
    found = []
    for id in sorted(shares, key=lambda name: usual[name] - shares[name]):
        method: Any = DETECTORS[id]
        percentile = detector.percentile(id, float(values[id][0]))
        found.append(
            Driver(id, method.title, percentile, shares[id] - usual[id], said(id, percentile))
        )
    return tuple(driver for driver in found[:DRIVERS] if driver.share > 0)


def said(id: str, percentile: float) -> str:
    """What a score found, in one sentence; *unusual* is one clean image in twenty, either way."""
    method: Any = DETECTORS[id]
    tail = 100 * FALSE_ALARMS / 2
    if percentile > 100 - tail:
        return f"The {method.said}: more than in {percentile:.0f}\u00a0% of clean images."
    if percentile < tail:
        share = f"{100 - percentile:.0f}\u00a0%"
        return f"{method.title}: unusually low, lower than in {share} of clean images."
    return f"Within the usual: higher than in {percentile:.0f}\u00a0% of clean images."


def sentence(verdict: Verdict, percentile: float, unlike: Sequence[str] = ()) -> str:
    """A verdict in one sentence."""
    rate = f"{FALSE_ALARMS:.0%}".replace("%", " %")
    if verdict == "cannot tell":
        where = " and ".join(KINDS[name] for name in unlike) + " " if unlike else ""
        return (
            f"Cannot tell: {where}the image is like neither the clean nor the attacked images that "
            "screening was made with."
        )
    place = f"{ordinal(round(percentile))} percentile of clean images"
    if verdict == "unusual":
        return (
            f"Unusual ({place}); not by itself evidence of tampering: {rate} of clean images are "
            "called so."
        )
    return f"Nothing unusual ({place}); an attack made to pass this screening would look the same."


def noticed(clean: Screening, attacked: Screening) -> str:
    """Whether screening alone, without the clean image, would have noticed an attack."""
    place = f"{ordinal(round(attacked.percentile))} percentile of clean images"
    if clean.verdict == attacked.verdict == "cannot tell":
        return "Screening cannot tell: these images are of another kind than it was made with."
    for name, one, other, known in (
        ("clean", clean, "attacked", attacked),
        ("attacked", attacked, "clean", clean),
    ):
        if one.verdict == "cannot tell":
            return (
                f"Screening cannot tell of the {name} image, which is like none that it was made "
                f"with; the {other} one it calls {known.verdict}."
            )
    if attacked.verdict == "usual":
        return (
            "Screening alone would not have noticed: nothing unusual in the attacked image "
            f"({place})."
        )
    if clean.verdict == "unusual":
        return (
            "Screening calls both images unusual, the clean one as well: it would not have told "
            "one from the other."
        )
    return (
        f"Screening alone would have noticed: the attacked image is unusual ({place}), the clean "
        "one is not."
    )


def nearest_clean(detector: Detector, features: Tensor, count: int = 3) -> list[int]:
    """The places, among the images that the detector was fitted on, of the nearest ones."""
    bank = detector.states["knn"]["bank"]
    unit = torch.nn.functional.normalize(features.cpu().float())
    order: list[int] = torch.cdist(unit, bank)[0].argsort()[:count].tolist()
    return order
