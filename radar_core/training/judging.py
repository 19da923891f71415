"""How good logits are: the score that choices rest on, the temperature, and rates."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor


def class_weights(labels: Int64[Tensor, " n"], count: int) -> Float[Tensor, " k"]:
    """Of each class, so that every class weighs the same in all and the mean weight is 1."""
    found = torch.bincount(labels, minlength=count).float()
    return len(labels) / (count * found.clamp(min=1))


def score(logits: Float[Tensor, "n k"], labels: Int64[Tensor, " n"], balanced: bool) -> float:
    """Cross-entropy at the best temperature; lower is better, and overconfidence is no fault yet.

    Args:
        balanced: whether every class weighs the same.
    """
    weights = class_weights(labels, logits.shape[1]) if balanced else None
    temperature = fit_temperature(logits, labels)
    return float(F.cross_entropy(logits / temperature, labels, weight=weights))


def fit_temperature(logits: Float[Tensor, "n k"], labels: Int64[Tensor, " n"]) -> float:
    """The temperature that minimises the cross-entropy of held-out logits (Guo et al. 2017)."""
    log_t = torch.zeros((), requires_grad=True)
    optimiser = torch.optim.LBFGS([log_t], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = F.cross_entropy(logits / log_t.exp(), labels)
        loss.backward()
        return loss

    with torch.enable_grad():
        optimiser.step(closure)
    return float(log_t.detach().clamp(-3, 3).exp())


def rates(read: Int64[Tensor, " n"], labels: Int64[Tensor, " n"]) -> dict[str, float]:
    right = (read == labels).float()
    recalls = [float(right[labels == k].mean()) for k in labels.unique()]
    return {
        "val_accuracy": float(right.mean()),
        "val_balanced_accuracy": sum(recalls) / len(recalls),
    }
