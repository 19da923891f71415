"""The Python interface: attack images, explain them, compare two explanations."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Num
from numpy.typing import NDArray
from torch import Tensor

from radar_core.attacks import ATTACKS, Attack
from radar_core.attacks.objective import Objective
from radar_core.epsilon import Epsilon, parse_epsilon
from radar_core.errors import BadImage, BadModel, BadParameter
from radar_core.explainers import EXPLAINERS
from radar_core.metrics import METRICS
from radar_core.models.classifier import Classifier
from radar_core.runtime import Progress, batch_size, count_passes, generator
from radar_core.types import AttackResult, Explanation, Status

Images = Tensor | Sequence[Tensor]
Names = str | Sequence[str | None] | None


@torch.inference_mode(False)
def attack(
    model: Classifier,
    images: Images,
    name: str,
    eps: str | float | Epsilon,
    *,
    label: Names = None,
    target: Names = None,
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
        eps: the radius allowed, as `radar_core.epsilon` reads it: `4/255`, 0.0157.
        label: the true class of all images or of each, where known. An image that the model
            reads otherwise before any attack is *already wrong*.
        target: a class to reach, for all or for each. Without one the attack leaves the class that
            the model reads in the clean image.
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
    radius = parse_epsilon(eps)
    clean = prepared(model, images)
    truth = _classes(model, label, len(clean), "label")
    goal = _classes(model, target, len(clean), "target")
    if goal is not None and None in goal:
        raise BadParameter("name a target class for every image, or none at all")
    progress = progress or Progress()
    step = batch_size(*clean.shape[-2:], gradients=True)
    started = time.perf_counter()
    with count_passes() as passes, model.held():
        chunks = [
            _attack_batch(
                model,
                method,
                clean[i : i + step],
                radius,
                None if goal is None else torch.tensor(goal[i : i + step], device=clean.device),
                seed,
                progress.part(i / len(clean), min(1.0, (i + step) / len(clean))),
            )
            for i in range(0, len(clean), step)
        ]
    seconds = time.perf_counter() - started
    attacked, before, after, stuck = (torch.cat(parts) for parts in zip(*chunks, strict=True))
    difference = (attacked - clean).flatten(2)
    read_before, read_after = before.argmax(1).tolist(), after.argmax(1).tolist()
    status = tuple(
        _status(
            wrong=truth is not None and truth[i] not in (None, read_before[i]),
            flipped=read_after[i] != read_before[i] and (goal is None or read_after[i] == goal[i]),
            idle=bool(stuck[i]) or not bool(difference[i].any()),
        )
        for i in range(len(clean))
    )
    home = (images if isinstance(images, Tensor) else images[0]).device
    return AttackResult(
        images=attacked.to(home),
        clean=clean.to(home),
        status=status,
        readings_clean=tuple(model.reading(row) for row in before.cpu()),
        readings_attacked=tuple(model.reading(row) for row in after.cpu()),
        linf=tuple(difference.abs().amax((1, 2)).tolist()),
        l2=tuple(difference.flatten(1).norm(dim=1).tolist()),
        changed=tuple(difference.any(1).float().mean(1).tolist()),
        attack=name,
        eps=radius.text,
        parameters=asdict(method),  # type: ignore[call-overload]  # every method is a dataclass
        seed=seed,
        passes=passes,
        seconds=seconds,
    )


def _attack_batch(
    model: Classifier,
    method: Attack,
    clean: Tensor,
    eps: Epsilon,
    goal: Tensor | None,
    seed: int,
    progress: Progress,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Adversarial examples, probabilities before and after, and whose gradients were all zero."""
    progress.step(0.0, "reading")
    objective = Objective(model, clean, eps.radii, goal)
    before = objective.clean_logits
    if not bool(before.isfinite().all()):
        raise BadModel(f"{model.name} gives logits that are not numbers; check its weights")
    if bool(objective.radii.any()):
        found = method.perturb(
            objective, generator=generator(seed, "attack"), progress=progress.part(0.02, 0.98)
        )
        attacked, after = found.images, found.logits
    else:
        attacked, after = clean, before
    if after is None:
        progress.step(0.98, "reading")
        after = objective.logits(attacked)
    progress.step(1.0, "attacked")
    return attacked, before.softmax(1), after.softmax(1), objective.without_gradient


def _status(*, wrong: bool, flipped: bool, idle: bool) -> Status:
    return "already wrong" if wrong else "flipped" if flipped else "no-op" if idle else "held"


@torch.inference_mode(False)
def explain(
    model: Classifier,
    images: Images,
    name: str,
    *,
    target: Names = None,
    background: Tensor | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    **parameters: Any,
) -> Explanation:
    """Explain images as a pair or group: same class, background, superpixels, masks and draws.

    Args:
        model: never changed: not its mode, gradients or hooks.
        images: as `attack` takes them; the first is the reference, the clean image.
        name: a registered explainer, such as `gradcam`, `shap` or `lime`.
        target: the class to explain in all images, or in each; without one the class that the
            model reads in the first.
        background: (m, 3, h, w) clean images that stand for *no evidence*. Without them the
            model's own, else plain black, grey and white and the blurred reference; what was used
            is stated in `facts["background"]` by the methods that need one.
        seed: of every random draw.
        progress: told of each batch of model passes; may cancel.
        parameters: of the explainer, each checked.

    Returns:
        Maps on the device of the images given, at the model's input size.

    Raises:
        RadarError: an image, name, class or parameter that cannot be used; `Cancelled`.
    """
    method = EXPLAINERS.create(name, **parameters)
    batch = prepared(model, images)
    progress = progress or Progress()
    started = time.perf_counter()
    with count_passes() as passes, model.held():
        progress.step(0.0, method.title)
        if target is None:
            target = model.read(batch[:1])[0].label
        classes = _classes(model, target, len(batch), "target")
        if classes is None or None in classes:
            raise BadParameter("name a class to explain for every image, or none at all")
        if method.needs_background:
            compared, stated = _background(model, background, batch[0])
        else:
            compared, stated = batch[:0], {}
        found = method.attribute(
            model,
            batch,
            torch.tensor(classes, device=batch.device),
            background=compared,
            generator=generator(seed, "explain"),
            progress=progress.part(0.02, 1.0),
        )
    progress.step(1.0, method.title)
    home = (images if isinstance(images, Tensor) else images[0]).device
    return Explanation(
        maps=found.maps.detach().float().to(home),
        explainer=name,
        title=method.title,
        signed=method.signed,
        targets=tuple(model.class_names[c] for c in classes if c is not None),
        parameters=asdict(method),  # type: ignore[call-overload]  # every method is a dataclass
        seed=seed,
        passes=passes,
        seconds=time.perf_counter() - started,
        facts={**stated, **found.facts},
    )


def compare(
    first: Num[Tensor, "h w"] | NDArray[Any],
    second: Num[Tensor, "h w"] | NDArray[Any],
    metrics: Iterable[str] | None = None,
) -> dict[str, float]:
    """Consistency of two attribution maps, by metric.

    Args:
        first, second: (h, w) maps of one size.
        metrics: registered metrics; without a choice, all of them.

    Returns:
        Metric → value; NaN where a metric is not defined for these maps, and for all metrics where
        a map holds values that are not finite.

    Raises:
        BadParameter: maps that are not (h, w), or of different sizes.
        UnknownMethod: no such metric.
    """
    one, other = (
        torch.as_tensor(np.asarray(m) if not isinstance(m, Tensor) else m.detach().cpu()).double()
        for m in (first, second)
    )
    if one.ndim != 2 or one.shape != other.shape or one.numel() == 0:
        raise BadParameter(
            "two maps of one shape (height, width) can be compared, "
            f"not {tuple(one.shape)} and {tuple(other.shape)}"
        )
    finite = bool(one.isfinite().all() and other.isfinite().all())
    chosen = {name: METRICS.create(name) for name in (METRICS if metrics is None else metrics)}
    return {name: metric(one, other) if finite else np.nan for name, metric in chosen.items()}


def prepared(model: Classifier, images: Images) -> Float[Tensor, "n 3 s s"]:
    """Images as the model takes them, each checked first.

    Raises:
        BadImage: not float images with three channels and finite values in [0, 1], or none.
    """
    given = [images] if isinstance(images, Tensor) else list(images)
    for image in (i.detach() if isinstance(i, Tensor) else i for i in given):
        if not isinstance(image, Tensor):
            raise BadImage(
                f"an image is a float tensor (3, height, width), not a {type(image).__name__}"
            )
        if image.ndim not in (3, 4) or image.shape[-3] != 3 or 0 in image.shape[-2:]:
            raise BadImage(
                "an image has the shape (3, height, width), a batch (n, 3, height, width), "
                f"not {tuple(image.shape)}; give a grey image three equal channels"
            )
        if not image.is_floating_point():
            raise BadImage(f"an image holds floats in [0, 1], not {image.dtype}; divide by 255")
        if not bool(image.isfinite().all()):
            raise BadImage("an image holds finite values; this one holds NaN or infinity")
        if image.numel() and not (float(image.min()) >= 0 and float(image.max()) <= 1):
            raise BadImage(
                f"an image lies in [0, 1], this one in [{float(image.min()):g}, "
                f"{float(image.max()):g}]; divide by 255, or undo its normalisation"
            )
    if not sum(1 if image.ndim == 3 else len(image) for image in given):
        raise BadImage("give at least one image")
    return torch.cat([model.prepare(image.detach()) for image in given])


def _classes(model: Classifier, names: Names, count: int, what: str) -> list[int | None] | None:
    """Class names as logit numbers, one an image."""
    if names is None:
        return None
    each = [names] * count if isinstance(names, str) else list(names)
    if len(each) != count:
        raise BadParameter(f"{len(each)} names given as {what} for {count} images")
    return [None if name is None else model.index(name) for name in each]


def _background(
    model: Classifier, given: Tensor | None, reference: Float[Tensor, "3 s s"]
) -> tuple[Tensor, dict[str, Any]]:
    """Background images at the model's input size, and a statement of what they are."""
    if given is not None:
        images = prepared(model, given)
        return images, {"background": f"{len(images)} images given"}
    if (own := model.background) is not None:
        return own, {"background": f"{len(own)} images of the model"}
    plain = torch.stack([torch.full_like(reference, value) for value in (0.0, 0.5, 1.0)])
    coarse = F.adaptive_avg_pool2d(reference[None], 8)
    blurred = F.interpolate(coarse, reference.shape[-2:], mode="bilinear")
    return torch.cat([plain, blurred]), {
        "background": "plain black, grey and white, and the blurred image; the model has no own"
    }
