"""The smallest ε at which an attack turns a reading, and between which two ε that was found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from radar_core.api.attacking import attack, attack_grid
from radar_core.api.inputs import prepared
from radar_core.attacks import ATTACKS
from radar_core.attacks.balls import distance
from radar_core.attacks.pattern import Pattern
from radar_core.epsilon import Epsilon, Norm, parse_epsilon, parse_grid
from radar_core.errors import BadParameter
from radar_core.models.classifier import Classifier
from radar_core.runtime import Progress
from radar_core.types import AttackResult

AT_ONCE = 4  # ε tried in one batch: the bracket shrinks to a fifth with each


@dataclass(frozen=True)
class Flip:
    """The smallest ε found at which the reading is another one (or the target).

    An attack that fails proves nothing: it is an upper bound of the distance to the boundary, the
    smallest that this attack found.

    Attributes:
        low: the largest ε tried below `high`; there the attack failed.
        high: the smallest ε tried at which it worked, attacked anew and read anew; None where it
            worked at none up to `tried_to`.
        norm: what both bound.
        tried_to: the largest ε tried.
        verified: whether a fresh attack at `high` (a fresh reading of the example, for an attack
            that keeps to no budget) gave the flip again.
        attacks: ε tried.
    """

    low: Epsilon
    high: Epsilon | None
    norm: Norm
    tried_to: Epsilon
    verified: bool
    attacks: int

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "low": self.low.value,
            "high": self.high.value if self.high else None,
            "eps": self.high.text if self.high else None,
            "norm": self.norm,
            "normalised": self.low.normalised,
            "tried_to": self.tried_to.text,
            "verified": self.verified,
            "attacks": self.attacks,
        }


def smallest_flip(
    model: Classifier,
    image: Tensor,
    name: str,
    *,
    grid: str | Sequence[str | float | Epsilon] = "default",
    frames: Sequence[AttackResult] | None = None,
    target: str | None = None,
    pattern: Pattern | None = None,
    seed: int = 0,
    precision: float = 0.02,
    progress: Progress | None = None,
    **parameters: Any,
) -> Flip:
    """Bracket the smallest flipping ε of one image by bisection, several ε at a time.

    Args:
        image: (3, h, w), or a batch of one.
        name: a registered attack on the ε axis, one that keeps to a budget or seeks the nearest
            example.
        grid: where to look first; see `radar_core.epsilon.parse_grid`.
        frames: what `attack_grid` gave for this image, grid, seed and parameters, if known.
        precision: the bracket is narrowed until it is this share of `high`; on the line to a
            nearest example, always to 1/625 of its distance.

    The other arguments, and what is raised, are those of `attack`.
    """
    method = ATTACKS.create(name, **parameters)
    if method.placing == "own":
        raise BadParameter(f"{method.title} has no ε: its strength is a parameter of its own")
    clean = prepared(model, image)
    if len(clean) != 1:
        raise BadParameter(f"the smallest flipping ε is that of one image, not of {len(clean)}")
    progress = progress or Progress()
    more: dict[str, Any] = {"target": target, "seed": seed, **parameters}
    if pattern is not None:
        more["pattern"] = pattern
    if not frames and method.placing == "budget":
        frames = attack_grid(model, clean, name, grid, progress=progress.part(0.0, 0.5), **more)
    rounds = flip_rounds(
        model, clean, name, frames or (), precision=precision, progress=progress, **more
    )
    return next(flip for flip in rounds if flip is not None)


def flip_rounds(
    model: Classifier,
    clean: Tensor,
    name: str,
    frames: Sequence[AttackResult],
    *,
    precision: float = 0.02,
    progress: Progress,
    **more: Any,
) -> Iterator[Flip | None]:
    """`smallest_flip` in rounds, between which something else may be computed.

    Args:
        clean: (1, 3, side, side), as the model sees it.
        frames: of the grid; an attack that seeks the nearest example may have none.
        more: for `attack`.

    Yields:
        None after each round but the last, then what was found.
    """
    if ATTACKS[name].placing == "distance":
        # Beyond its distance, a frame is the nearest example itself: it is not sought again.
        nearest = frames[-1] if frames and _holds_nearest(frames[-1]) else None
        if nearest is None:
            part = progress.part(0.0, 0.8)
            nearest = attack(model, clean, name, "own", progress=part, **more)
        yield _along(model, clean, nearest, progress)
        return
    norm = frames[0].norm
    axis = parse_grid([frame.eps for frame in frames], norm)
    tried = len(axis)
    first = next((i for i, frame in enumerate(frames) if flipped(frame)), None)
    if first is None:
        yield Flip(axis[-1], None, norm, axis[-1], False, tried)
        return
    low = axis[first - 1].value if first else 0.0
    high = axis[first].value
    normalised = axis[first].normalised
    rounds = 0
    while high - low > precision * high and rounds < 12:
        rounds += 1
        between = [low + (high - low) * i / (AT_ONCE + 1) for i in range(1, AT_ONCE + 1)]
        part = progress.part(1 - 0.5**rounds, 1 - 0.5 ** (rounds + 1))
        asked = [Epsilon(value, normalised, norm) for value in between]
        found = attack_grid(model, clean, name, asked, progress=part, **more)
        tried += AT_ONCE
        worked = next((i for i, frame in enumerate(found) if flipped(frame)), AT_ONCE)
        low = between[worked - 1] if worked else low
        high = between[worked] if worked < AT_ONCE else high
        yield None
    best = Epsilon(high, normalised, norm)
    again = attack(model, clean, name, best, progress=progress.part(0.999, 1.0), **more)
    yield Flip(
        Epsilon(low, normalised, norm),
        best,
        norm,
        axis[-1],
        flipped(again),
        tried + 1,
    )


def flipped(result: AttackResult, i: int = 0) -> bool:
    """Whether the reading of an image is another one, or the target; right at first or not."""
    now = result.readings_attacked[i].label
    before = result.readings_clean[i].label
    return now != before and (result.targets is None or now == result.targets[i])


def _holds_nearest(frame: AttackResult) -> bool:
    """Whether a frame is the nearest example itself, not a part of the way to it."""
    found, eps = frame.distances[0], parse_epsilon(frame.eps, frame.norm)
    return found is not None and not eps.normalised and found <= eps.value


@torch.inference_mode(False)
def _along(model: Classifier, clean: Tensor, nearest: AttackResult, progress: Progress) -> Flip:
    """Bisection between the clean image and the nearest example found, on the line between them."""
    norm = nearest.norm
    change = nearest.images.to(model.device) - clean
    whole = float(distance(change, norm)[0])
    if not flipped(nearest):
        nothing = Epsilon(0.0, norm=norm)
        return Flip(nothing, None, norm, nothing, False, 1)
    wanted = nearest.readings_clean[0].label if not nearest.targets else nearest.targets[0]

    def works(images: Tensor) -> list[bool]:
        return [(r.label == wanted) == bool(nearest.targets) for r in model.read(images)]

    low, high, tried = 0.0, 1.0, 1
    for step in range(4):  # to 1/625 of the distance
        progress.step(0.8 + 0.05 * step, "bisection")
        at = [low + (high - low) * i / (AT_ONCE + 1) for i in range(1, AT_ONCE + 1)]
        found = works(torch.cat([clean + share * change for share in at]))
        tried += AT_ONCE
        worked = found.index(True) if True in found else AT_ONCE
        low = at[worked - 1] if worked else low
        high = at[worked] if worked < AT_ONCE else high
    verified = works(clean + high * change)[0]
    return Flip(
        Epsilon(low * whole, norm=norm),
        Epsilon(high * whole, norm=norm),
        norm,
        Epsilon(whole, norm=norm),
        verified,
        tried + 1,
    )
