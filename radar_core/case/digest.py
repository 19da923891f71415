"""What a link says of the numbers it was made with, so that whoever opens it learns of a change."""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from radar_core.errors import BadParameter

if TYPE_CHECKING:
    from radar_core.case.result import CaseResult

STEP = 0.0025  # of a number, as it is written
APART = 2  # steps that two machines may lie apart
_UNDEFINED = 36**2 - 1
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_WRITTEN = re.compile(r"([0-9a-f]{8})-([0-9a-f]{8})-([0-9a-f]{8})-((?:[0-9a-z]{2}){2,60})")


@dataclass(frozen=True)
class Digest:
    """Image, model and results of a finished case, in a few dozen characters.

    The image and the model are told by their content. Of the results, what has a name (the two
    readings, the attack's status, the explainers, the class each explained) is told by a hash; the
    probabilities of the two readings and the headline metrics are written out, in steps of 0.0025.
    A hash of rounded numbers would differ wherever the float noise of another machine carries one
    of them over the edge of a step; numbers that are written out can be compared with a tolerance:
    up to two steps (0.005, half of the last digit that a page shows) count as the same.

    Attributes:
        image: 8 hexadecimal digits of the sha256 of the decoded pixels.
        model: the same of the model's weights, classes, input size and normalisation.
        named: the same of what has a name.
        numbers: in steps of 0.0025 from −1; 1295 where a metric is not defined.
    """

    image: str
    model: str
    named: str
    numbers: tuple[int, ...]

    def __str__(self) -> str:
        """As a link has it."""
        written = "".join(_DIGITS[n // 36] + _DIGITS[n % 36] for n in self.numbers)
        return f"{self.image}-{self.model}-{self.named}-{written}"

    def changed_since(self, then: Digest) -> tuple[str, ...]:
        """Which of `image`, `model` and `numbers` are others than they were; empty: none."""
        alike = self.named == then.named and len(self.numbers) == len(then.numbers)
        alike = alike and all(map(_alike, self.numbers, then.numbers))
        same = {
            "image": self.image == then.image,
            "model": self.model == then.model,
            "numbers": alike,
        }
        return tuple(name for name, held in same.items() if not held)


def digest(result: CaseResult) -> Digest:
    """The digest of a case that is computed to its end."""
    from radar_core.metrics import METRICS

    assert result.attack is not None
    attacked = result.attack.readings_attacked[0]
    headline = sorted(name for name in METRICS if METRICS[name].role == "headline")
    named = [
        result.clean_reading.label,
        attacked.label,
        result.attack.status[0],
        sorted((id, e.targets[0]) for id, e in result.explanations.items()),
        sorted(result.unexplained),
        headline,
    ]
    scores = [
        result.scores[id].get(name, math.nan) for id in sorted(result.scores) for name in headline
    ]
    values = [result.clean_reading.probability, attacked.probability, *scores]
    told = hashlib.sha256(json.dumps(named).encode()).hexdigest()
    return Digest(
        result.case.sha256[:8],
        result.model_sha256[:8],
        told[:8],
        tuple(_steps(value) for value in values),
    )


def parse_digest(text: str) -> Digest:
    """The digest that a link has.

    Raises:
        BadParameter: it is none.
    """
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise BadParameter(
            "what this link says of the numbers it was made with is damaged, so it is not known "
            "whether they are the same"
        )
    image, model, named, written = found.groups()
    pairs = (written[at : at + 2] for at in range(0, len(written), 2))
    return Digest(image, model, named, tuple(int(pair, 36) for pair in pairs))


def comparison(then: Digest, now: Digest) -> str:
    """In one sentence, what has changed since a link was made; empty: nothing has."""
    changed = now.changed_since(then)
    if not changed:
        return ""
    held = tuple(name for name in ("image", "model", "numbers") if name not in changed)
    verb = "have" if _many(changed) else "has"
    said = f"Since this link was made, {_listed(changed)} {verb} changed"
    return (
        f"{said}; {_listed(held)} {'are' if _many(held) else 'is'} the same."
        if held
        else f"{said}."
    )


def _listed(names: tuple[str, ...]) -> str:
    return " and ".join(", ".join(f"the {name}" for name in names).rsplit(", ", 1))


def _many(names: tuple[str, ...]) -> bool:
    return len(names) > 1 or "numbers" in names


def _steps(value: float) -> int:
    """A value in [−1, 1] in whole steps from −1."""
    if not math.isfinite(value):
        return _UNDEFINED
    return round((min(max(value, -1.0), 1.0) + 1) / STEP)


def _alike(one: int, other: int) -> bool:
    return one == other if _UNDEFINED in (one, other) else abs(one - other) <= APART
