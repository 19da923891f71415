"""All scores as one suspicion: a regularised logistic regression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

STRENGTH = 0.1  # inverse of the ridge penalty
QUANTILES = (0.1, 0.5, 0.9)


@dataclass(frozen=True, eq=False)
class Combination:
    """Each score by how far it is from clean images, on either side, weighted and added up.

    A score is centred on the median of clean images, scaled by the distance of their 10th and 90th
    percentile, and compressed (sign · log(1 + |z|)), so that one wild value cannot outvote all
    others. Its size enters beside its direction, since an attack may make a model too sure as well
    as too unsure. The largest size of all enters once more: what is far off in any one score
    counts, even in one that the attacks seen left alone.

    Attributes:
        names: of the scores. middle, scale: (s) of clean images. weights: (2 s + 1), directions
            first, then sizes, then the largest size. bias: (1).
    """

    names: tuple[str, ...]
    middle: Float[Tensor, " s"]
    scale: Float[Tensor, " s"]
    weights: Float[Tensor, " w"]
    bias: Float[Tensor, " 1"]

    def __call__(self, scores: Mapping[str, Tensor]) -> Float[Tensor, " n"]:
        """The suspicion of n images: log odds of being attacked, among those it was fitted on."""
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
        largest = features[:, half : 2 * half].argmax(1)
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
    that scores that say the same share theirs.

    Args:
        clean: scores of images that are clean or benignly changed. attacked: of attacked ones.
    """
    from sklearn.linear_model import LogisticRegression

    names = tuple(clean)
    benign, hostile = (
        torch.stack([each[name].double() for name in names], 1) for each in (clean, attacked)
    )
    low, middle, high = benign.quantile(torch.tensor(QUANTILES, dtype=benign.dtype), dim=0)
    scale = (high - low).clamp(min=1e-9)
    given = torch.cat([_prepared(each, middle, scale) for each in (benign, hostile)])
    truth = torch.cat([torch.zeros(len(benign)), torch.ones(len(hostile))])
    model = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=2000)
    model.fit(given.numpy(), truth.numpy())
    return Combination(
        names,
        middle.float(),
        scale.float(),
        torch.from_numpy(model.coef_[0]).float(),
        torch.from_numpy(model.intercept_).float(),
    )


def _prepared(values: Tensor, middle: Tensor, scale: Tensor) -> Tensor:
    z = (values - middle) / scale
    size = z.abs().log1p()
    return torch.cat([z.sign() * size, size, size.amax(1, keepdim=True)], 1)


def _device(scores: Mapping[str, Tensor]) -> torch.device:
    return next(iter(scores.values())).device
