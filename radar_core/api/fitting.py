"""Fit a universal perturbation: one pattern for all images."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import torch

from radar_core.api.attacking import attack
from radar_core.api.inputs import Images, prepared
from radar_core.attacks import ATTACKS, Universal
from radar_core.attacks.pattern import Pattern
from radar_core.errors import BadParameter
from radar_core.models.classifier import Classifier
from radar_core.runtime import Progress, generator


@torch.inference_mode(False)
def fit(
    model: Classifier,
    images: Images,
    name: str = "uap",
    *,
    target: str | None = None,
    seed: int = 0,
    fitted_on: str = "images given",
    progress: Progress | None = None,
    **parameters: Any,
) -> Pattern:
    """Fit a universal attack on some images, to be applied to others.

    Args:
        model: never changed.
        images: as `attack` takes them; test it on images that are not among them.
        name: a registered attack of the family *universal*.
        target: a class to reach; None leaves whatever the model reads in each image. Images that
            are read as it already are left out, and counted as `Pattern.left_out`.
        seed: of every random draw.
        fitted_on: where the images come from, in words.
        progress: told of each model pass; may cancel.
        parameters: of the attack, each checked.

    Returns:
        The pattern, with the share of these images that it flips at the ε it is fitted for.

    Raises:
        RadarError: an image, name, class or parameter that cannot be used, an attack that needs
            no fitting, or no image to fit on: none given, or all read as the target already;
            `Cancelled`.
    """
    method = ATTACKS.create(name, **parameters)
    if not isinstance(method, Universal):
        raise BadParameter(f"{method.title} needs no fitting; attack with it directly")
    if target is not None and not method.targetable:
        raise BadParameter(f"{method.title} cannot be told which class to reach; name no target")
    clean = prepared(model, images)
    progress = progress or Progress()
    goal = None if target is None else model.index(target)
    with model.held():
        values = method.fit(
            model,
            clean,
            goal,
            generator=generator(seed, "fit"),
            progress=progress.part(0.0, 0.9),
        )
    pattern = Pattern(
        values=values.cpu(),
        attack=name,
        parameters=asdict(method),  # type: ignore[call-overload]  # every method is a dataclass
        seed=seed,
        model=model.sha256(),
        target=target,
        fitted_on=fitted_on,
        images=len(clean),
        fooled=0.0,
    )
    tried = attack(
        model,
        clean,
        name,
        method.fitted_at,
        target=target,
        pattern=pattern,
        progress=progress.part(0.9, 1.0),
        **parameters,
    )
    there = sum(reading.label == target for reading in tried.readings_clean)
    fitted = len(clean) - there
    return replace(
        pattern,
        images=fitted,
        fooled=tried.status.count("flipped") / max(fitted, 1),
        left_out=there,
    )
