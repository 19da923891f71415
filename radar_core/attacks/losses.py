"""What an attack raises: losses of logits, one value an image, larger is nearer to success."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor


def log_odds(logits: Float[Tensor, "n k"], classes: Int64[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Log-odds of not being in `classes`: log Σ_{j≠y} exp z_j − z_y.

    Cross-entropy is softplus of it, so its gradient has the direction of cross-entropy's
    everywhere. But it does not vanish in float32 where the model is certain: there the softmax of
    class y rounds to 1 and cross-entropy loses its own main term.
    """
    own = classes[:, None]
    others = logits.scatter(1, own, -torch.inf)
    return others.logsumexp(1) - logits.gather(1, own)[:, 0]


def margin(logits: Float[Tensor, "n k"], classes: Int64[Tensor, " n"]) -> Float[Tensor, " n"]:
    """max_{j≠y} z_j − z_y: positive where another class than `classes` is read.

    Source: Carlini & Wagner 2017, f₆ without its floor.
    """
    own = classes[:, None]
    others = logits.scatter(1, own, -torch.inf)
    return others.amax(1) - logits.gather(1, own)[:, 0]
