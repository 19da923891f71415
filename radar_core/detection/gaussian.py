"""Gaussians of features, well-conditioned where features are more than images."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

RANK = 192  # directions that are kept; across the others all variance is taken to be equal


def fitted(centred: Float[Tensor, "m f"], rank: int = RANK) -> dict[str, Tensor]:
    """The covariance of features from which their mean was taken.

    The sample covariance is drawn towards a multiple of the identity as far as makes it best
    (Ledoit & Wolf 2004, doi:10.1016/S0047-259X(03)00096-4; scikit-learn's), and of that the `rank`
    widest directions are kept, the others as one variance (probabilistic PCA, Tipping & Bishop
    1999).

    Returns:
        `directions` (f, r) orthonormal, `variances` (r), `rest` (1), the variance across the
        others.
    """
    from sklearn.covariance import LedoitWolf

    values = centred.double().cpu().numpy()
    covariance = torch.from_numpy(LedoitWolf(assume_centered=True).fit(values).covariance_)
    variances, directions = torch.linalg.eigh(covariance)
    rank = min(rank, len(variances))
    kept = slice(len(variances) - rank, None)
    others = variances[: len(variances) - rank]
    rest = others.mean() if len(others) else variances.min()
    return {
        "directions": directions[:, kept].float().contiguous(),
        "variances": variances[kept].float(),
        "rest": rest.float().reshape(1),
    }


def squared_distance(
    difference: Float[Tensor, "n f"], state: Mapping[str, Tensor], prefix: str = ""
) -> Float[Tensor, " n"]:
    """The squared Mahalanobis distance of features from a mean, Δᵀ Σ⁻¹ Δ."""
    directions, variances, rest = (
        state[f"{prefix}{name}"].to(difference.device)
        for name in ("directions", "variances", "rest")
    )
    along = difference @ directions
    across = (difference.square().sum(1) - along.square().sum(1)).clamp(min=0)
    return (along.square() / variances).sum(1) + across / rest


def class_means(
    features: Float[Tensor, "m f"], labels: Tensor
) -> tuple[Float[Tensor, "c f"], Float[Tensor, "m f"]]:
    """The mean of each class there is, and the features without that of their own."""
    classes = labels.unique()
    means = torch.stack([features[labels == c].mean(0) for c in classes])
    own = torch.searchsorted(classes, labels)
    return means, features - means[own]
