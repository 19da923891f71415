"""LIME for images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from lime.lime_base import LimeBase
from scipy.special import expit, logit
from torch import Tensor

from radar_core.explainers import EXPLAINERS, Attribution
from radar_core.explainers.masking import field_hide
from radar_core.explainers.superpixels import (
    Masks,
    explain_superpixels,
    field_samples,
    orthogonal_block,
)
from radar_core.models.classifier import Classifier
from radar_core.params import field_range
from radar_core.runtime import Passes, Progress

KERNEL_WIDTH = 0.25  # of cosine distances, as lime's image explainer
PAIRS = 4096  # of masks on which the logistic model is read
RIDGE = 10.0  # of its coefficients, in masks
NEWTON_STEPS, LONGEST = 60, 2.0  # the longest in log odds
# Masks after the first block, and how often in turn they have to leave the ranking as it was:
# after once, two seeds agreed less (docs/findings.md).
STEP, HOLD = 32, 3


@EXPLAINERS.register("lime")
@dataclass(frozen=True)
class Lime:
    """How much each superpixel adds to the class's probability, by a local linear model.

    Superpixels are hidden at random, the model reads what is left, and a ridge regression
    (weighted by likeness to the whole image) gives each superpixel its coefficient. All images
    share the superpixels and the hidden content of the first, and the masks, whose number grows
    until the five strongest superpixels hold. Source: Ribeiro et al. 2016; surrogate fit by the
    lime package.

    Superpixels are SLIC's: even in size, so that coefficients can be compared, about as many as
    asked for, and made ten times as fast as those of quickshift, lime's default. Masks come in
    orthogonal blocks (see `radar_core.explainers.superpixels`); the package draws each on its own.
    And the fit is made to a logistic model of what was read (`emulated`), not to the readings
    themselves: with as many masks as it takes it comes to the same, with few it errs less.
    """

    title: ClassVar[str] = "LIME"
    source: ClassVar[str] = "Ribeiro et al. 2016, arXiv:1602.04938"
    signed: ClassVar[bool] = True
    needs_background: ClassVar[bool] = False
    needs_gradients: ClassVar[bool] = False
    needs_layer: ClassVar[bool] = False
    draws: ClassVar[bool] = True
    order: ClassVar[int] = 30

    samples: int = field_samples(448)
    superpixels: int = field_range(50, 5, 300, title="Superpixels", help="about so many")
    hide: str = field_hide("own mean", superpixels=True)

    @property
    def cost(self) -> Passes:
        """See `Explainer.cost`."""
        return Passes(self.samples, 0)

    def attribute(
        self,
        model: Classifier,
        images: Float[Tensor, "n 3 h w"],
        targets: Int64[Tensor, " n"],
        *,
        background: Float[Tensor, "m 3 h w"],
        generator: torch.Generator,
        progress: Progress,
    ) -> Attribution:
        """See `Explainer.attribute`."""
        return explain_superpixels(
            model,
            images,
            targets,
            wanted=self.superpixels,
            hide=self.hide,
            cap=self.samples,
            draw=lambda count: orthogonal_block(count, generator),
            step=STEP,
            hold=HOLD,
            ends=False,
            fit=emulated,
            progress=progress,
        )


def surrogate(
    masks: Masks, read: Float64[np.ndarray, " s"]
) -> tuple[Float64[np.ndarray, " m"], dict[str, Any]]:
    """Coefficients of the weighted ridge regression, and its R²."""
    kept = masks.astype(np.float64)
    distances = _distances(kept)
    base = LimeBase(partial(_kernel, width=KERNEL_WIDTH), random_state=0)
    _, pairs, r2, _ = base.explain_instance_with_data(
        kept, read[:, None], distances, 0, kept.shape[1], feature_selection="none"
    )
    coefficients = np.zeros(kept.shape[1])
    for superpixel, coefficient in pairs:
        coefficients[superpixel] = coefficient
    return coefficients, {"r2": float(r2)}


def emulated(
    masks: Masks, read: Float64[np.ndarray, " s"]
) -> tuple[Float64[np.ndarray, " m"], dict[str, Any]]:
    """The `surrogate` of many masks, on which a logistic model of a few readings is read.

    A probability saturates, and what a linear model cannot follow is its error with few masks. A
    fractional logistic regression (Papke & Wooldridge 1996) on the same superpixels follows most of
    it and costs no pass. It has LIME's own weights: then what it misses has no linear part, so that
    the limit with ever more masks is the surrogate's, whatever the model (a generalised regression
    estimator: Lehtonen & Veijanen 1998; for Shapley values: Witter et al. 2025, arXiv:2506.11849).

    Returns:
        The coefficients, and R² of the linear model on what was really read.
    """
    kept = masks.astype(np.float64)
    weights = _kernel(_distances(kept), KERNEL_WIDTH)
    middle = np.average(read, weights=weights)
    spread = weights @ np.square(read - middle)
    if spread <= 1e-14 * weights.sum() * middle**2:  # one reading under all masks
        return surrogate(masks, read)
    many = _pairs(kept.shape[1])
    coefficients, _ = surrogate(many, _logistic(kept, read, weights)(many))
    linear = kept @ coefficients
    missed = read - middle - (linear - np.average(linear, weights=weights))
    return coefficients, {"r2": float(1 - weights @ np.square(missed) / spread)}


def _logistic(
    kept: Float64[np.ndarray, "s m"],
    read: Float64[np.ndarray, " s"],
    weights: Float64[np.ndarray, " s"],
) -> Callable[[Masks], Float64[np.ndarray, " n"]]:
    """Of masks, the readings that a logistic regression on some expects, fitted by Newton's steps.

    scikit-learn's own stops early where all readings lie close to 0: its tolerance is absolute.
    """
    sides = np.column_stack([np.ones(len(kept)), 2 * kept - 1])
    found = np.zeros(sides.shape[1])
    middle = np.clip(np.average(read, weights=weights), 1e-12, 1 - 1e-12)
    found[0] = logit(middle)
    held = np.full(len(found), RIDGE * weights.mean() * middle * (1 - middle))
    held[0] = 0
    for _ in range(NEWTON_STEPS):
        expected = expit(sides @ found)
        curved = weights * expected * (1 - expected)
        gram = (sides.T * curved) @ sides + np.diag(held)
        step = np.linalg.solve(gram, sides.T @ (weights * (read - expected)) - held * found)
        longest = np.abs(sides @ step).max()
        found += step * min(1, LONGEST / longest) if longest else 0
        if longest < 1e-6:
            break

    def share(masks: Masks) -> Float64[np.ndarray, " n"]:
        given: Float64[np.ndarray, " n"] = expit(found[0] + (2.0 * masks - 1) @ found[1:])
        return given

    return share


@lru_cache(maxsize=4)
def _pairs(count: int) -> Masks:
    """Independent masks of some superpixels, each with its complement; the same at every call."""
    masks = np.random.default_rng(0).random((PAIRS, count)) < 0.5
    pairs = np.concatenate([masks, ~masks])
    pairs.flags.writeable = False
    return pairs


def _distances(kept: Float64[np.ndarray, "s m"]) -> Float64[np.ndarray, " s"]:
    """Cosine distances of masks to the one that keeps all."""
    distances: Float64[np.ndarray, " s"] = 1 - np.sqrt(kept.mean(1))
    return distances


def _kernel(distances: Float64[np.ndarray, " s"], width: float) -> Float64[np.ndarray, " s"]:
    return np.sqrt(np.exp(-(distances**2) / width**2))
