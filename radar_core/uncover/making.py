"""Make a detector: fit on clean training images, combine against attacks, calibrate on others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from radar_core.attacks import ATTACKS
from radar_core.detection import State
from radar_core.detection.combination import combine
from radar_core.detection.detector import (
    FALSE_ALARMS,
    Detector,
    Measured,
    chosen,
    fit_scores,
    joined,
    scores,
)
from radar_core.detection.likeness import KINDS, learn
from radar_core.epsilon import parse_epsilon
from radar_core.errors import BadData, BadParameter
from radar_core.runtime import Progress, versions
from radar_core.uncover.measuring import BENIGN, CLEAN, Change, Measurer, knows

if TYPE_CHECKING:
    from radar_core.data import DataSet
    from radar_core.models.classifier import Classifier
    from radar_core.types import Case

ORDER = 47  # seed of the order of images
FEWEST = 40  # clean images to calibrate on: 5 % of them are two


@dataclass(frozen=True)
class Plan:
    """How many images of which split a detector is made of, and against what.

    Attributes:
        fit: clean training images that scores learn from.
        tune: further training images; clean, changed and attacked they make the combination.
        calibrate: clean validation images for percentiles and the threshold.
        attacks, eps: what the tuning images are attacked with; those that keep to no budget, once.
        seed: of the noise that is looked through, and of the attacks.
    """

    fit: int = 210
    tune: int = 42
    calibrate: int = 140
    attacks: tuple[str, ...] = ("fgsm", "pgd", "deepfool", "cw")
    eps: tuple[str, ...] = ("1/255", "2/255", "4/255")
    seed: int = 0

    def changes(self) -> list[Change]:
        """The attacks at their ε.

        Raises:
            UnknownMethod, BadParameter: an attack or an ε that is none, or an attack that knows the
                detector that is still to be made.
        """
        found = attacks_at(self.attacks, self.eps)
        if circular := [change.attack for change in found if knows(change)]:
            raise BadParameter(
                f"{ATTACKS[circular[0]].title} knows the detector, which is yet to be made; test "
                "with it: python -m radar_core detect --attacks"
            )
        return found


@dataclass(frozen=True, eq=False)
class Material:
    """What a detector is made of, measured.

    Attributes:
        clean: of the images to fit on, with their ids (`images`) and `labels`.
        tuning: clean and benignly changed images to combine with.
        attacked: by attack, those that were turned by it.
        held_out: clean images to calibrate on.
    """

    clean: Measured
    images: tuple[str, ...]
    labels: Tensor
    tuning: Measured
    attacked: Mapping[str, Measured]
    held_out: Measured

    @cached_property
    def states(self) -> dict[str, State]:
        """What every score learns of the clean images, whatever is combined later."""
        return fit_scores(self.clean, self.labels)


def attacks_at(attacks: Sequence[str], eps: Sequence[str]) -> list[Change]:
    """Attacks at their ε, those that keep to no budget once.

    Raises:
        UnknownMethod, BadParameter: an attack or an ε that is none, or that cannot be used here.
    """
    found = []
    for each in eps:
        parse_epsilon(each, "linf")
    for name in attacks:
        method = ATTACKS[name]
        if method.family in ("universal", "benign"):
            raise BadParameter(
                f"{method.title} turns no single image by itself; name attacks that do, such as pgd"
            )
        budgeted = method.placing == "budget"
        found += [Change(name, each) for each in eps] if budgeted else [Change(name)]
    return found


def benign() -> dict[str, Change]:
    """The changes that mean nothing, by what they are called."""
    return {
        title: Change(attack, eps, tuple(parameters.items()))
        for title, (attack, eps, parameters) in BENIGN.items()
    }


def gather(
    data: DataSet, model: Classifier, plan: Plan, measurer: Measurer, progress: Progress
) -> Material:
    """Look at all images that a detector is made of.

    Args:
        data: with training and validation images, of all splits.

    Raises:
        BadData: too few clean images. BadModel: the model and the data share no class.
        Cancelled: the watcher asked to stop.
    """
    training = cases_of(data, "train", plan.fit + plan.tune, model)
    calibration = cases_of(data, "val", plan.calibrate, model)
    if len(calibration) < FEWEST:
        raise BadData(
            f"{data.title} has {len(calibration)} clean validation images; calibrating at "
            f"{FALSE_ALARMS:.0%} false alarms takes {FEWEST} or more"
        )
    count = len(training) - min(plan.tune, len(training) // 3)
    fitting, tuning = training[:count], training[count:]
    work: list[tuple[str, Sequence[Case], Change]] = [("clean images", fitting, CLEAN)]
    work += [("clean images", tuning, CLEAN)]
    work += [(title, tuning, change) for title, change in benign().items()]
    work += [(change.attack, tuning, change) for change in plan.changes()]
    work += [("clean images", calibration, CLEAN)]
    whole, done = sum(len(cases) for _, cases, _ in work), 0
    found = []
    for title, cases, change in work:
        progress.step(done / whole, title)
        here = progress.part(done / whole, (done + len(cases)) / whole)
        found.append((change, *measurer(cases, change, here)))
        done += len(cases)
    attacked: dict[str, list[Measured]] = {}
    known = len(benign())
    for change, measured, counts in found[2 + known : -1]:
        attacked.setdefault(change.attack, []).append(chosen(measured, counts))
    labels = torch.tensor([model.index(case.label) for case in fitting if case.label])
    return Material(
        found[0][1],
        tuple(case.id for case in fitting),
        labels,
        joined([measured for _, measured, _ in found[1 : 2 + known]]),
        {name: joined(parts) for name, parts in attacked.items()},
        found[-1][1],
    )


def assemble(
    material: Material, about: Mapping[str, Any], leave_out: Sequence[str] = ()
) -> Detector:
    """A detector of what was gathered.

    Args:
        about: see `Detector.about`.
        leave_out: attacks that the combination does not see.

    Raises:
        BadData: no attack turned an image, so there is nothing to combine against.
    """
    states = material.states
    seen = [m for name, m in material.attacked.items() if name not in leave_out]
    seen = [m for m in seen if len(next(iter(m.values())))]
    if not seen:
        raise BadData("no attack turned a single image, so there is nothing to learn from")
    attacked = joined(seen)
    combination = combine(scores(material.tuning, states), scores(attacked, states))
    held_out = scores(material.held_out, states)
    suspicion = combination(held_out)
    clean = {name: values.sort().values for name, values in held_out.items()}
    clean["suspicion"] = suspicion.sort().values
    parts = (material.clean, material.tuning, attacked)
    kinds = {
        name: learn(name, [part[name] for part in parts], material.held_out[name])
        for name in KINDS
        if name in material.clean
    }
    return Detector(
        about={**about, "scores": list(states)},
        states=states,
        clean=clean,
        combination=combination,
        threshold=float(suspicion.double().quantile(1 - FALSE_ALARMS, interpolation="higher")),
        kinds=kinds,
    )


def make_detector(
    data: DataSet,
    model: Classifier,
    plan: Plan | None = None,
    *,
    measurer: Measurer | None = None,
    progress: Progress | None = None,
) -> Detector:
    """Gather and assemble.

    Raises:
        As `gather` and `assemble`.
    """
    plan, progress = plan or Plan(), progress or Progress()
    measurer = measurer or Measurer(model, plan.seed)
    material = gather(data, model, plan, measurer, progress)
    progress.step(1.0, "fitted")
    return assemble(material, described(data, model, plan, material))


def described(data: DataSet, model: Classifier, plan: Plan, material: Material) -> dict[str, Any]:
    """What a detector says of its making."""
    return {
        "model": model.name,
        "model_sha256": model.sha256(),
        "data": data.name if data.synthetic else data.title,
        "fitted_on": len(material.labels),
        "images": list(material.images),
        "calibrated_on": len(next(iter(material.held_out.values()))),
        "attacks": list(material.attacked),
        "attacked": {n: len(next(iter(m.values()))) for n, m in material.attacked.items()},
        "eps": list(plan.eps),
        "benign": list(BENIGN),
        "seed": plan.seed,
        "versions": versions(),
    }


def cases_of(data: DataSet, split: str, count: int, model: Classifier) -> list[Case]:
    """Readable images of a split whose class the model knows, classes in turn."""
    from radar_core.data.sampling import in_turn, readable
    from radar_core.errors import BadModel

    entries = [e for e in in_turn(data.split(split), ORDER) if e.label in model.class_names]
    if not entries:
        raise BadModel(
            f"{model.name} knows none of the classes of {data.title}; a detector is made with "
            "images of the kind that the model was trained on"
        )
    return list(readable(data, entries, count))


def of_any_class(data: DataSet, count: int) -> list[Case]:
    """Readable images of a set, classes in turn, whatever their class."""
    from radar_core.data.sampling import in_turn, readable

    return list(readable(data, in_turn(data, ORDER), count))
