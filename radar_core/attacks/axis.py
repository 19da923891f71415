"""One attack on a batch of images at every ε of an axis, within the memory there is."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from radar_core.attacks import Attack, Perturbation
from radar_core.attacks.balls import BALLS, Box, distance
from radar_core.attacks.objective import Guard, Objective
from radar_core.epsilon import Epsilon
from radar_core.errors import BadModel
from radar_core.models.classifier import Classifier
from radar_core.runtime import Progress, batch_size, generator, halving

UNBOUNDED = ((math.inf,) * 3,)


@dataclass(frozen=True, eq=False)
class Task:
    """What is asked: an attack, the ε of its frames, and whom it is to reach.

    Attributes:
        goal: (n,) the class to reach in each image, or None.
        pattern: of a universal attack.
        guard: the suspicion that an attack is to lower.
        said: takes a sentence on what the machine made of it.
    """

    model: Classifier
    method: Attack
    axis: tuple[Epsilon, ...]
    goal: Tensor | None
    pattern: Tensor | None
    seed: int
    said: Callable[[str], None]
    guard: Guard | None = None


@dataclass(frozen=True, eq=False)
class Frames:
    """What came of n images at f ε.

    Attributes:
        images: (f, n, 3, h, w) adversarial examples.
        before: (n, k) and after: (f, n, k) logits.
        idle: (f, n) where every gradient was zero.
        distances: (n,) of the nearest examples, NaN where none was found; None for attacks that
            seek none.
        history: by frame and image, the margins of the iterations.
    """

    images: Tensor
    before: Tensor
    after: Tensor
    idle: Tensor
    distances: Tensor | None
    history: list[list[tuple[float, ...]]]
    facts: Mapping[str, Any] = field(default_factory=dict)


def frames(task: Task, clean: Tensor, progress: Progress) -> Frames:
    """Attack (n, 3, h, w) clean images on the model's device; the model is held by the caller.

    A pass holds as many images, times ε, as the memory budget allows; where the device has less
    than thought, batches are halved until one image at one ε fits.

    Raises:
        BadModel: logits that are not numbers.
        OutOfMemory: not even one image fits.
        Cancelled: the watcher asked to stop.
    """
    count = len(task.axis) if task.method.placing == "budget" else 1
    rows = rows_at_once(task.model, len(clean) * count)

    def some_images(first: int, last: int) -> Frames:
        part = progress.part(first / len(clean), last / len(clean))
        goal = None if task.goal is None else task.goal[first:last]

        def some_frames(low: int, high: int) -> Frames:
            inner = part.part(low / count, high / count)
            return _budgeted(task, clean[first:last], task.axis[low:high], goal, inner)

        if task.method.placing != "budget":
            return _placed(task, clean[first:last], goal, part)
        if last - first > 1:
            return some_frames(0, count)
        return _joined(halving(count, rows, some_frames, task.said), 0)

    return _joined(halving(len(clean), max(1, rows // count), some_images, task.said), 1)


def rows_at_once(model: Classifier, wanted: int) -> int:
    """How many images a pass with gradients may hold; the model is measured only if need be."""
    side = model.input_size
    safe = batch_size(side, side, gradients=True)
    return safe if wanted <= safe else max(safe, model.measured_batch_size())


def _budgeted(
    task: Task, clean: Tensor, axis: Sequence[Epsilon], goal: Tensor | None, progress: Progress
) -> Frames:
    """An attack that stays within ε, all frames in one batch."""
    progress.step(0.0, "reading")
    objective = Objective(
        task.model,
        clean,
        [eps.radii for eps in axis],
        goal,
        norm=task.method.norm,
        pattern=task.pattern,
        guard=task.guard,
    )
    found = _perturbed(task, objective, progress.part(0.02, 0.98))
    progress.step(0.98, "reading")
    after = _read(objective, found.images, found.logits)
    progress.step(1.0, "attacked")
    shape = (len(axis), len(clean))
    return Frames(
        images=found.images.unflatten(0, shape),
        before=objective.clean_logits[: len(clean)],
        after=after.unflatten(0, shape),
        idle=objective.without_gradient.unflatten(0, shape),
        distances=None,
        history=_histories(found.history, *shape),
        facts=found.facts,
    )


def _placed(task: Task, clean: Tensor, goal: Tensor | None, progress: Progress) -> Frames:
    """An attack that is given no ε: its one example, and at each ε below its distance a part of it.

    Drawing an example back to the ball is what foolbox's minimisation attacks do at an ε, too;
    here it is read again, since on the way back another boundary may be crossed.
    """
    progress.step(0.0, "reading")
    norm, axis = task.method.norm, task.axis
    objective = Objective(task.model, clean, UNBOUNDED, goal, norm=norm)
    found = _perturbed(task, objective, progress.part(0.02, 0.9))
    progress.step(0.9, "reading")
    example_logits = _read(objective, found.images, found.logits)
    images = found.images.expand(len(axis), *clean.shape).clone()
    after = example_logits.expand(len(axis), *example_logits.shape).clone()
    distances = None
    if task.method.placing == "distance":
        reached = distance(found.images - clean, norm)
        flipped = objective.margin(example_logits) > 0
        distances = torch.where(flipped, reached, torch.nan)
        for number, eps in enumerate(axis):
            if eps.bounded:
                near = clean.new_tensor(eps.radii).view(1, 3, 1, 1).expand(len(clean), 3, 1, 1)
                images[number] = BALLS[norm].project(found.images, Box(clean, near), near)
        moved = (images != found.images).flatten(2).any(2)
        if bool(moved.any()):
            parts = images[moved].split(batch_size(*clean.shape[-2:], gradients=False))
            read = []
            for i, part in enumerate(parts):
                progress.step(0.9 + 0.1 * i / len(parts), "reading")
                read.append(_finite(task.model, objective.logits(part)))
            after[moved] = torch.cat(read)
    progress.step(1.0, "attacked")
    history = _histories(found.history, 1, len(clean))
    return Frames(
        images=images,
        before=objective.clean_logits,
        after=after,
        idle=objective.without_gradient.expand(len(axis), -1),
        distances=distances,
        history=history * len(axis),
        facts=found.facts,
    )


def _perturbed(task: Task, objective: Objective, progress: Progress) -> Perturbation:
    _finite(task.model, objective.clean_logits)
    draws = generator(task.seed, "attack")
    return task.method.perturb(objective, generator=draws, progress=progress)


def _read(objective: Objective, images: Tensor, logits: Tensor | None) -> Tensor:
    """Logits of all rows; those that did not change are not read again."""
    if logits is None:
        logits = objective.clean_logits.clone()
        changed = (images != objective.clean).flatten(1).any(1)
        if bool(changed.any()):
            logits[changed] = objective.logits(images[changed])
    return _finite(objective.model, logits)


def _finite(model: Classifier, logits: Tensor) -> Tensor:
    if not bool(logits.isfinite().all()):
        raise BadModel(f"{model.name} gives logits that are not numbers; check its weights")
    return logits


def _histories(
    history: Tensor | None, frame_count: int, image_count: int
) -> list[list[tuple[float, ...]]]:
    if history is None:
        return [[()] * image_count for _ in range(frame_count)]
    by_row = history.T.cpu()
    margins = [tuple(row[row.isfinite()].tolist()) for row in by_row]
    return [margins[i : i + image_count] for i in range(0, len(margins), image_count)]


def _joined(parts: list[Frames], dim: int) -> Frames:
    """Parts of the ε axis (0), or of the images (1), as one."""
    first = parts[0]
    if len(parts) == 1:
        return first
    histories = [part.history for part in parts]
    if dim:
        histories = [[list(chain(*rows)) for rows in zip(*histories, strict=True)]]
    return Frames(
        images=torch.cat([p.images for p in parts], dim),
        before=torch.cat([p.before for p in parts]) if dim else first.before,
        after=torch.cat([p.after for p in parts], dim),
        idle=torch.cat([p.idle for p in parts], dim),
        distances=torch.cat([p.distances for p in parts if p.distances is not None])
        if first.distances is not None
        else None,
        history=list(chain(*histories)),
        facts=_added([part.facts for part in parts]),
    )


def _added(parts: list[Mapping[str, Any]]) -> dict[str, Any]:
    """What parts state, as one: counts are added up, of anything else the first is taken."""
    whole: dict[str, Any] = {}
    for name, value in chain.from_iterable(part.items() for part in parts):
        counted = isinstance(value, int) and not isinstance(value, bool)
        whole[name] = whole.get(name, 0) + value if counted else whole.get(name, value)
    return whole
