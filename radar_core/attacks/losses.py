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


def dlr(logits: Float[Tensor, "n k"], classes: Int64[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Difference of logits ratio: the margin over z_π1 − z_π3, the first and third largest logit.

    Neither a shift nor a scale of the logits changes it. It needs three classes; with fewer it is
    the margin, without a scale.

    Source: Croce & Hein 2020, section 4.
    """
    if logits.shape[1] < 3:
        return margin(logits, classes)
    first, _, third = logits.topk(3, 1).values.unbind(1)
    return margin(logits, classes) / (first - third).clamp_min(1e-12)


def targeted_dlr(
    logits: Float[Tensor, "n k"], classes: Int64[Tensor, " n"], origins: Int64[Tensor, " n"]
) -> Float[Tensor, " n"]:
    """DLR between two classes: (z_y − z_t) / (z_π1 − (z_π3 + z_π4) / 2); lowered to reach t.

    Neither a shift nor a scale of the logits changes it. It needs four classes; with fewer it is
    the margin of t over all others, without a scale.

    Args:
        classes: t, the class to reach.
        origins: y, the class read in the clean image.

    Source: Croce & Hein 2020, section 4, where it has the opposite sign.
    """
    if logits.shape[1] < 4:
        return margin(logits, classes)
    first, _, third, fourth = logits.topk(4, 1).values.unbind(1)
    apart = logits.gather(1, origins[:, None]) - logits.gather(1, classes[:, None])
    return apart[:, 0] / (first - (third + fourth) / 2).clamp_min(1e-12)
