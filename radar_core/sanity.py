"""Sanity lights: whether a model's robustness figures on a data set can be trusted at all.

An attack that fails may be a bad attack. Carlini et al. 2019 (arXiv:1902.06705, section 5) list
what must hold wherever attacks work: success rises with ε, iterating is no weaker than one step,
an unbounded attack succeeds, and random noise does far worse. Where one does not hold, a high
robust accuracy means broken gradients or a broken attack, not a robust model.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from radar_core.epsilon import parse_epsilon, parse_grid
from radar_core.errors import BadData, BadParameter
from radar_core.runtime import Passes, Progress, describe, versions
from radar_core.verdict import percent

if TYPE_CHECKING:
    from torch import Tensor

    from radar_core.data import DataSet
    from radar_core.models.classifier import Classifier

State = Literal["good", "doubtful", "bad"]
GRID = ("0.5/255", "1/255", "2/255", "4/255", "8/255", "16/255", "64/255")
ATTACKS_TRIED = ("fgsm", "pgd", "sign_noise")
PARAMETERS: Mapping[str, Mapping[str, Any]] = {"pgd": {"early_stop": True}}
SEED = 45
SLACK = 0.02  # a share of images: what chance may cost a light


@dataclass(frozen=True)
class Share:
    """A share of images with its 95 % Wilson interval (Wilson 1927)."""

    hits: int
    of: int

    @property
    def value(self) -> float:
        """The share itself; 0 of no images is 0."""
        return self.hits / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true share lies, at 95 % confidence."""
        from scipy.stats import binomtest

        if not self.of:
            return 0.0, 1.0
        found = binomtest(self.hits, self.of).proportion_ci(method="wilson")
        return float(found.low), float(found.high)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"hits": self.hits, "of": self.of, "value": self.value, "interval": self.interval}


@dataclass(frozen=True)
class Light:
    """One check: how it came out, and the figures it rests on, in one sentence."""

    id: str
    title: str
    state: State
    sentence: str


@dataclass(frozen=True)
class SanityReport:
    """What is known so far.

    Attributes:
        clean: images read right before any attack; only these are attacked.
        success: attack → share flipped at each ε of `grid`.
        without_gradient: images whose gradient was zero everywhere.
        lights: empty until every attack is done.
    """

    data: str
    model: str
    grid: tuple[str, ...]
    clean: Share
    success: Mapping[str, tuple[Share, ...]] = field(default_factory=dict)
    without_gradient: int = 0
    lights: tuple[Light, ...] = ()
    seconds: float = 0.0
    passes: Passes = field(default_factory=Passes)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "data": self.data,
            "model": self.model,
            "clean_accuracy": self.clean.as_dict(),
            "grid": list(self.grid),
            "success": {id: [s.as_dict() for s in row] for id, row in self.success.items()},
            "without_gradient": self.without_gradient,
            "lights": [asdict(light) for light in self.lights],
            "seconds": self.seconds,
            "passes": asdict(self.passes),
            "machine": describe(),
            "versions": versions(),
        }


def run_sanity(
    data: DataSet,
    model: Classifier,
    *,
    images: int = 32,
    grid: Sequence[str] = GRID,
    seed: int = 0,
    progress: Progress | None = None,
) -> Iterator[SanityReport]:
    """Attack some images of a set with FGSM, PGD and random noise; yields after each.

    Args:
        images: how many, classes in turn; only those read right at first are attacked.

    Raises:
        BadData: no labelled image that the model could read right.
        BadParameter: fewer than one image, or an ε that cannot be.
    """
    from radar_core.api import attack_grid
    from radar_core.runtime import count_passes

    if images < 1:
        raise BadParameter(f"images is a whole number from 1, not {images}")
    axis = parse_grid(list(grid), "linf")
    progress = progress or Progress()
    started = time.perf_counter()
    with count_passes() as spent:
        progress.step(0.0, "reading")
        clean, labels, total = _read_right(data, model, images, progress.part(0.0, 0.1))
    report = SanityReport(
        data.name, model.name, tuple(eps.text for eps in axis), Share(len(labels), total)
    )
    yield report
    for number, id in enumerate(ATTACKS_TRIED):
        part = progress.part(0.1 + 0.3 * number, 0.4 + 0.3 * number)
        with count_passes() as used:
            frames = attack_grid(
                model,
                clean,
                id,
                axis,
                label=labels,
                seed=seed,
                progress=part,
                **PARAMETERS.get(id, {}),
            )
        spent.add(used)
        rates = tuple(Share(f.status.count("flipped"), len(labels)) for f in frames)
        idle = report.without_gradient
        if id == "fgsm":  # at the largest ε: whatever did not move had nothing to follow
            idle = frames[-1].status.count("no-op")
        report = replace(
            report,
            success={**report.success, id: rates},
            without_gradient=idle,
            seconds=time.perf_counter() - started,
            passes=replace(spent),
        )
        yield report
    progress.step(1.0, "done")
    yield replace(report, lights=lights(report))


def _read_right(
    data: DataSet, model: Classifier, count: int, progress: Progress
) -> tuple[Tensor, list[str], int]:
    """The images read right of the first `count`, their labels, and how many were looked at."""
    import torch

    from radar_core.data.sampling import in_turn, readable

    known = [e for e in in_turn(data, SEED) if e.label in model.class_names]
    if not known:
        raise BadData(
            f"{data.name} has no label that {model.name} knows; its classes are "
            f"{', '.join(model.class_names)}"
        )
    kept: list[Tensor] = []
    labels: list[str] = []
    total = 0
    for case in readable(data, known, count):
        progress.step(total / count, f"{total} of {count} images read")
        image = model.prepare(case.image)
        total += 1
        if case.label is not None and model.read(image)[0].label == case.label:
            kept.append(image)
            labels.append(case.label)
    if not kept:
        raise BadData(
            f"{model.name} reads none of {total} images of {data.name} right: there is nothing "
            "to attack; choose a model trained for this data"
        )
    return torch.cat(kept), labels, total


def lights(report: SanityReport) -> tuple[Light, ...]:
    """The five checks of a finished report."""
    return (_rises(report), _iterates(report), _wins(report), _noise(report), _gradients(report))


def _said(share: Share) -> str:
    low, high = share.interval
    return f"{percent(share.value)} of {share.of} (95 % interval {percent(low)} to {percent(high)})"


def _axis(report: SanityReport) -> list[str]:
    return [parse_epsilon(eps).label for eps in report.grid]


def _rises(report: SanityReport) -> Light:
    rates = [share.value for share in report.success["pgd"]]
    axis = _axis(report)
    falls = [(max(rates[:i]) - rates[i], axis[i]) for i in range(1, len(rates))]
    worst, where = max(falls, default=(0.0, ""))
    span = f"from {percent(rates[0])} at {axis[0]} to {percent(rates[-1])} at {axis[-1]}"
    if worst > SLACK + 1 / max(1, report.clean.hits):
        said = (
            f"PGD's success falls by {percent(worst)} at {where}, although a larger ε allows more."
        )
        return Light("rises", "Success rises with ε", "bad", said)
    return Light("rises", "Success rises with ε", "good", f"PGD's success goes {span}.")


def _iterates(report: SanityReport) -> Light:
    title = "PGD is no weaker than FGSM"
    gaps = [
        (one.value - many.value, eps)
        for one, many, eps in zip(
            report.success["fgsm"], report.success["pgd"], _axis(report), strict=True
        )
    ]
    worst, where = max(gaps)
    if worst > SLACK:
        more = percent(worst)
        said = f"At {where}, one step flips {more} more images than twenty: the loss misleads."
        return Light("iterates", title, "bad", said)
    least = min(gap for gap, _ in gaps)
    said = f"At every ε it flips at least as many images, and up to {percent(-least)} more."
    return Light("iterates", title, "good", said)


def _wins(report: SanityReport) -> Light:
    share, eps = report.success["pgd"][-1], _axis(report)[-1]
    state: State = "good" if share.value >= 0.99 else "doubtful" if share.value >= 0.9 else "bad"
    said = f"At {eps}, where nearly anything may be changed, PGD flips {_said(share)}."
    return Light("wins", "A large ε always succeeds", state, said)


def _noise(report: SanityReport) -> Light:
    title = "Random noise does far worse"
    pairs = list(
        zip(report.success["pgd"], report.success["sign_noise"], _axis(report), strict=True)
    )
    half = next((pair for pair in pairs if pair[0].value >= 0.5), None)
    if half is None:
        said = "PGD flips fewer than half the images at every ε, too few to compare noise with."
        return Light("noise", title, "doubtful", said)
    attack, noise, eps = half
    state: State = (
        "good" if noise.value <= attack.value / 4 else
        "doubtful" if noise.value <= attack.value / 2 else "bad"
    )  # fmt: skip
    said = f"At {eps}, PGD flips {percent(attack.value)}, noise of the same size {_said(noise)}."
    return Light("noise", title, state, said)


def _gradients(report: SanityReport) -> Light:
    idle, of = report.without_gradient, report.clean.hits
    state: State = "good" if not idle else "doubtful" if idle <= SLACK * of else "bad"
    said = (
        f"None of {of} images has a gradient of zero."
        if not idle
        else f"{idle} of {of} images have a gradient of zero: attacks by gradient are blind there."
    )
    return Light("gradients", "Gradients are not zero", state, said)
