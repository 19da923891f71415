"""Attack images: the door to every registered attack."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from radar_core.api.inputs import Images, Names, classes, prepared
from radar_core.attacks import ATTACKS, Attack
from radar_core.attacks.axis import Frames, Task, frames
from radar_core.attacks.balls import distance
from radar_core.attacks.pattern import Pattern, one_target
from radar_core.detection.guard import Guard, guard_of
from radar_core.epsilon import Epsilon, parse_epsilon, parse_grid
from radar_core.errors import BadParameter
from radar_core.models.classifier import Classifier
from radar_core.runtime import Progress, count_passes
from radar_core.types import AttackResult, Status


def attack(
    model: Classifier,
    images: Images,
    name: str,
    eps: str | float | Epsilon | None = None,
    *,
    label: Names = None,
    target: Names = None,
    pattern: Pattern | None = None,
    guard: Guard | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    **parameters: Any,
) -> AttackResult:
    """Attack images and read them before and after.

    Args:
        model: never changed: not its mode, gradients or hooks.
        images: one image (3, h, w), a batch (n, 3, h, w) or a list of images, float in [0, 1];
            they are brought to the model's input size first.
        name: a registered attack, such as `fgsm` or `pgd`.
        eps: the radius allowed, as `radar_core.epsilon` reads it: `4/255`, 0.0157. An attack that
            keeps to no budget may do without; an example that lies further than ε is drawn back
            to it, and read again.
        label: the true class of all images or of each, where known. An image that the model
            reads otherwise before any attack is *already wrong*.
        target: a class to reach, for all or for each. Without one the attack leaves the class that
            the model reads in the clean image.
        pattern: what `radar_core.fit` gave, for a universal attack.
        guard: the detector that an attack knows; without it the one that was made for the model.
        seed: of every random draw. An image's draws do not depend on the images beside it.
        progress: told of each model pass; may cancel.
        parameters: of the attack, each checked.

    Returns:
        Adversarial examples on the device of the images given. A status is *flipped* when the
        reading changed (and is the target, where there is one), *no-op* when nothing changed or
        every gradient was zero, else *held*.

    Raises:
        RadarError: an image, name, class, ε or parameter that cannot be used; `Cancelled`.
    """
    method = ATTACKS.create(name, **parameters)
    axis = (check_epsilon(method, eps),)
    return _run(model, images, name, method, axis, label, target, pattern, guard, seed, progress)[0]


def attack_grid(
    model: Classifier,
    images: Images,
    name: str,
    grid: str | Sequence[str | float | Epsilon] = "default",
    *,
    label: Names = None,
    target: Names = None,
    pattern: Pattern | None = None,
    guard: Guard | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    **parameters: Any,
) -> tuple[AttackResult, ...]:
    """Attack images at every ε of an axis in one run.

    FGSM takes one gradient for all ε, iterative attacks run all ε as one batch, and an attack that
    seeks the nearest example runs once and is placed by the distance it found: at an ε below it,
    the example is drawn back to ε and read again.

    Args:
        grid: `default` (0 to 16/255; for L2, 0 to 2), `paper` (the normalised ε of the RADAR-MIX
            authors), or values; see `radar_core.epsilon.parse_grid`.

    The other arguments, and what is raised, are those of `attack`.

    Returns:
        One result an ε, in rising order. Their passes and seconds are of the whole run.
    """
    method = ATTACKS.create(name, **parameters)
    axis = parse_grid(grid, method.norm)
    return _run(model, images, name, method, axis, label, target, pattern, guard, seed, progress)


def check_epsilon(method: Attack, eps: str | float | Epsilon | None) -> Epsilon:
    """The ε that an attack is to keep to.

    Raises:
        BadParameter: none for an attack that needs one, or one that cannot be.
    """
    radius = parse_epsilon("own" if eps is None else eps, method.norm)
    if method.placing == "budget" and not radius.bounded:
        raise BadParameter(f"{method.title} has no distance of its own: give an ε, such as 4/255")
    return radius


@torch.inference_mode(False)
def _run(
    model: Classifier,
    images: Images,
    name: str,
    method: Attack,
    axis: tuple[Epsilon, ...],
    label: Names,
    target: Names,
    pattern: Pattern | None,
    guard: Guard | None,
    seed: int,
    progress: Progress | None,
) -> tuple[AttackResult, ...]:
    clean = prepared(model, images)
    truth = classes(model, label, len(clean), "label")
    goal = _goal(model, method, target, len(clean))
    aims = None if goal is None else tuple(model.class_names[number] for number in goal.tolist())
    fitted = _fitted(model, name, method, pattern, one_target(aims) if pattern else None)
    known = _known(model, method, guard)
    progress = progress or Progress()
    said: list[str] = []
    task = Task(model, method, axis, goal, fitted, seed, said.append, known)
    started = time.perf_counter()
    with count_passes() as passes, model.held():
        found = frames(task, clean, progress)
    seconds = time.perf_counter() - started
    home = (images if isinstance(images, Tensor) else images[0]).device
    before = found.before.softmax(1).cpu()
    shared: dict[str, Any] = {
        "clean": clean.to(home),
        "readings_clean": tuple(model.reading(row) for row in before),
        "attack": name,
        "norm": method.norm,
        "targets": aims,
        "parameters": asdict(method),  # type: ignore[call-overload]  # every method is a dataclass
        "seed": seed,
        "passes": passes,
        "seconds": seconds,
        "distances": _listed(found.distances),
        "facts": {
            **found.facts,
            **({"pattern": pattern.sha256()} if pattern else {}),
            **({"detector": known.detector.sha256()} if known else {}),
            **({"machine": tuple(dict.fromkeys(said))} if said else {}),
        },
    }
    results = []
    for number, eps in enumerate(axis):
        attacked = found.images[number]
        change = attacked - clean
        after = found.after[number].softmax(1).cpu()
        results.append(
            AttackResult(
                images=attacked.to(home),
                status=_statuses(found, number, change, before, after, truth, goal),
                readings_attacked=tuple(model.reading(row) for row in after),
                linf=tuple(distance(change, "linf").tolist()),
                l2=tuple(distance(change, "l2").tolist()),
                changed=tuple(change.flatten(2).any(1).float().mean(1).tolist()),
                eps=eps.text,
                history=tuple(found.history[number]),
                **shared,
            )
        )
    return tuple(results)


def _goal(model: Classifier, method: Attack, target: Names, count: int) -> Tensor | None:
    goal = classes(model, target, count, "target")
    if goal is None:
        return None
    known = [number for number in goal if number is not None]
    if len(known) < count:
        raise BadParameter("name a target class for every image, or none at all")
    if not method.targetable:
        raise BadParameter(f"{method.title} cannot be told which class to reach; name no target")
    return torch.tensor(known, device=model.device)


def _fitted(
    model: Classifier, name: str, method: Attack, pattern: Pattern | None, target: str | None
) -> Tensor | None:
    if method.family != "universal":
        if pattern is not None:
            raise BadParameter(f"{method.title} uses no pattern; that is for universal attacks")
        return None
    if pattern is None:
        raise BadParameter(
            f"{method.title} adds one pattern to every image: fit it first, with radar_core.fit "
            "or python -m radar_core fit, and give it as pattern"
        )
    return pattern.checked(model, name, target)


def _known(model: Classifier, method: Attack, guard: Guard | None) -> Guard | None:
    if method.family != "knows the screening":
        if guard is not None:
            raise BadParameter(f"{method.title} knows no detector; give it no guard")
        return None
    return guard or guard_of(model)


def _listed(distances: Tensor | None) -> tuple[float | None, ...]:
    if distances is None:
        return ()
    return tuple(None if math.isnan(value) else value for value in distances.tolist())


def _statuses(
    found: Frames,
    number: int,
    change: Tensor,
    before: Tensor,
    after: Tensor,
    truth: list[int | None] | None,
    goal: Tensor | None,
) -> tuple[Status, ...]:
    """One status an image of a frame."""
    read_before, read_after = before.argmax(1).tolist(), after.argmax(1).tolist()
    moved = change.flatten(1).any(1).tolist()
    idle = found.idle[number].tolist()
    return tuple(
        _status(
            wrong=truth is not None and truth[i] not in (None, read_before[i]),
            flipped=read_after[i] != read_before[i]
            and (goal is None or read_after[i] == int(goal[i])),
            idle=idle[i] or not moved[i],
        )
        for i in range(len(change))
    )


def _status(*, wrong: bool, flipped: bool, idle: bool) -> Status:
    return "already wrong" if wrong else "flipped" if flipped else "no-op" if idle else "held"
