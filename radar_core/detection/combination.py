"""All scores as one suspicion: a regularised logistic regression that can only add."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

STRENGTH = 0.1  # inverse of the ridge penalty
QUANTILES = (0.1, 0.5, 0.9)


@dataclass(frozen=True, eq=False)
class Combination:
    """Each score by how far it is from clean images, on either side, weighted and added up.

    A score is centred on the median of clean images, scaled by the distance of their 10th and 90th
    percentile, and compressed (log(1 + |z|)), so that one wild value cannot outvote all others. Its
    size above and its size below have weights of their own, since an attack may make a model too
    sure as well as too unsure. No weight is negative: what is unusual is never a reason to be
    called usual, also where the attacks seen did otherwise. The largest size of all is added as it
    is, with the standing of all others together: what is far off in any one score counts, even in
    one that the attacks seen left alone.

    Attributes:
        names: of the scores. middle, scale: (s) of clean images. weights: (2 s + 1), sizes above
            first, then sizes below, then the largest size. bias: (1).
    """

    names: tuple[str, ...]
    middle: Float[Tensor, " s"]
    scale: Float[Tensor, " s"]
    weights: Float[Tensor, " w"]
    bias: Float[Tensor, " 1"]

    def __call__(self, scores: Mapping[str, Tensor]) -> Float[Tensor, " n"]:
        """The suspicion of n images: 0 for what is usual, 2 where both of its parts are as high as
        in one benign image of twenty."""
        found: Tensor = self._features(scores) @ self.weights.to(_device(scores)) + self.bias.to(
            _device(scores)
        )
        return found

    def shares(self, scores: Mapping[str, Tensor]) -> dict[str, Float[Tensor, " n"]]:
        """What each score adds to the suspicion; together with the bias they make all of it.

        What the largest size adds is the share of the score that has it.
        """
        features = self._features(scores)
        parts, half = features * self.weights, len(self.names)
        largest = features[:, :half].maximum(features[:, half : 2 * half]).argmax(1)
        return {
            name: parts[:, n] + parts[:, half + n] + parts[:, -1] * (largest == n)
            for n, name in enumerate(self.names)
        }

    def _features(self, scores: Mapping[str, Tensor]) -> Float[Tensor, "n w"]:
        values = torch.stack([scores[name] for name in self.names], 1)
        return _prepared(values, self.middle.to(values.device), self.scale.to(values.device))

    def tensors(self) -> dict[str, Tensor]:
        """What makes it, by name."""
        names = ("middle", "scale", "weights", "bias")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor], names: Sequence[str]) -> Combination:
        """One from what `tensors` gave."""
        return cls(tuple(names), **tensors)


def combine(
    clean: Mapping[str, Float[Tensor, " m"]], attacked: Mapping[str, Float[Tensor, " n"]]
) -> Combination:
    """Fit a combination that tells attacked from clean images.

    Both kinds weigh as much, however many there are of each. Weights are held small (ridge), so
    that scores that say the same share theirs, and at or above zero.

    Args:
        clean: scores of images that are clean or benignly changed. attacked: of attacked ones.
    """
    names = tuple(clean)
    benign, hostile = (
        torch.stack([each[name].double() for name in names], 1) for each in (clean, attacked)
    )
    low, middle, high = benign.quantile(torch.tensor(QUANTILES, dtype=benign.dtype), dim=0)
    scale = (high - low).clamp(min=1e-9)
    usual, unusual = (_prepared(each, middle, scale) for each in (benign, hostile))
    weights = _fitted(usual[:, :-1].numpy(), unusual[:, :-1].numpy())
    learned = _standing(usual[:, :-1] @ weights)
    largest = _standing(usual[:, -1])
    return Combination(
        names,
        middle.float(),
        scale.float(),
        torch.cat([weights / learned[1], 1 / largest[1:]]).float(),
        -(learned[:1] / learned[1] + largest[:1] / largest[1]).float(),
    )


def _fitted(usual: NDArray[np.float64], unusual: NDArray[np.float64]) -> Tensor:
    """The weights of a logistic regression with a ridge penalty, none below zero."""
    from scipy.optimize import minimize
    from scipy.special import expit

    given = np.concatenate([usual, unusual])
    side = np.concatenate([np.full(len(usual), -1.0), np.full(len(unusual), 1.0)])
    weigh = np.where(side > 0, len(side) / (2 * len(unusual)), len(side) / (2 * len(usual)))

    def loss(found: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights, bias = found[:-1], found[-1]
        margin = side * (given @ weights + bias)
        value = STRENGTH * weigh @ np.logaddexp(0, -margin) + weights @ weights / 2
        slope = -STRENGTH * weigh * side * expit(-margin)
        return value, np.append(given.T @ slope + weights, slope.sum())

    count = given.shape[1]
    bounds = [(0.0, None)] * count + [(None, None)]
    result = minimize(loss, np.zeros(count + 1), jac=True, method="L-BFGS-B", bounds=bounds)
    return torch.from_numpy(result.x[:-1])


def _standing(values: Tensor) -> Tensor:
    """The median of benign images, and how far above it one in twenty of them lies."""
    middle, high = values.quantile(torch.tensor((0.5, 0.95), dtype=values.dtype))
    return torch.stack([middle, (high - middle).clamp(min=1e-9)])


def _prepared(values: Tensor, middle: Tensor, scale: Tensor) -> Tensor:
    z = (values - middle) / scale
    above, below = z.clamp(min=0).log1p(), (-z).clamp(min=0).log1p()
    return torch.cat([above, below, above.maximum(below).amax(1, keepdim=True)], 1)


def _device(scores: Mapping[str, Tensor]) -> torch.device:
    return next(iter(scores.values())).device
