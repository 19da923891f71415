"""Benign noise as large as an attack: what its numbers are to be held against."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from radar_core.api.attacking import attack
from radar_core.epsilon import Epsilon
from radar_core.errors import BadParameter
from radar_core.models.classifier import Classifier
from radar_core.runtime import Progress
from radar_core.types import AttackResult

KINDS = {"linf": "sign_noise", "l2": "gaussian_noise"}  # benign control of each norm


def benign_controls(
    model: Classifier,
    attacked: AttackResult,
    image: int = 0,
    *,
    count: int = 20,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[AttackResult, ...]:
    """Harmless changes of an image, each as large as the attack on it came to be.

    In the norm that the attack's ε bounds they go exactly as far as it went (before being cut to
    [0, 1]): sign noise of its L∞, which is at least as long in L2, or Gaussian noise of its L2.

    Args:
        attacked: what `attack` gave.
        image: which of its images.
        count: how many; each is another draw.
        seed: of the draws.

    Returns:
        One result, of one image, a control.

    Raises:
        BadParameter: the attack changed nothing, so that nothing is as large. `Cancelled`.
    """
    reached = (attacked.linf if attacked.norm == "linf" else attacked.l2)[image]
    if not reached:
        raise BadParameter("the attack changed nothing, so there is no noise of its size")
    progress = progress or Progress()
    eps = Epsilon(reached, norm=attacked.norm)
    clean: Float[Tensor, "3 s s"] = attacked.clean[image]
    made = []
    for number in range(count):
        progress.step(number / count, f"benign control {number + 1} of {count}")
        draw = seed * 1_000_003 + number + 1  # no control shares its draws with the attack's seed
        made.append(attack(model, clean, KINDS[attacked.norm], eps, seed=draw))
    return tuple(made)
