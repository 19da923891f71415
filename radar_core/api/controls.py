"""Benign noise as large as an attack: what its numbers are to be held against."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from radar_core.attacks.gaussian_noise import GaussianNoise
from radar_core.attacks.room import Room
from radar_core.attacks.sign_noise import SignNoise
from radar_core.epsilon import Epsilon, Norm
from radar_core.errors import BadParameter
from radar_core.runtime import generator
from radar_core.types import AttackResult

CONTROLS: dict[Norm, type[SignNoise | GaussianNoise]] = {"linf": SignNoise, "l2": GaussianNoise}
KINDS: dict[Norm, str] = {"linf": "sign_noise", "l2": "gaussian_noise"}  # the ids of these


def benign_controls(
    attacked: AttackResult, image: int = 0, *, count: int = 20, seed: int = 0
) -> Float[Tensor, "{count} 3 s s"]:
    """Harmless changes of an image, each as large as the attack on it came to be.

    In the norm that the attack's ε bounds they go exactly as far as it went (before being cut to
    [0, 1]): sign noise of its L∞, which is at least as long in L2, or Gaussian noise of its L2.
    They know nothing of the model, so none is asked.

    Args:
        attacked: what `attack` gave.
        image: which of its images.
        count: how many; each is another draw.
        seed: of the draws.

    Returns:
        The changed images, on the device of the clean one: the same that `attack` makes with
        `sign_noise` or `gaussian_noise` at that ε and the seed of the draw.

    Raises:
        BadParameter: the attack changed nothing, so that nothing is as large.
    """
    reached = (attacked.linf if attacked.norm == "linf" else attacked.l2)[image]
    if not reached:
        raise BadParameter("the attack changed nothing, so there is no noise of its size")
    eps = Epsilon(reached, norm=attacked.norm)
    room = Room(attacked.clean[image : image + 1], [eps.radii], norm=attacked.norm)
    method = CONTROLS[attacked.norm]
    draws = (draw(seed, number) for number in range(count))
    made = [method.moved(room, generator(each, "attack")) for each in draws]
    return torch.cat(made) if made else room.clean[:0]


def draw(seed: int, number: int) -> int:
    """The seed of a control: none shares its draws with the attack's seed."""
    return seed * 1_000_003 + number + 1
