"""How often readers found the attacked picture, and how far they agree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from radar_core.readers.agreement import cohen_kappa, fleiss_kappa
from radar_core.readers.log import Answer


@dataclass(frozen=True)
class ReaderResult:
    """One reader.

    Attributes:
        answered: pairs answered.
        right: of these, where the attacked one was found.
        low, high: 95 % Wilson interval of the accuracy (E. B. Wilson, Journal of the American
            Statistical Association 22, 1927, pp. 209–212).
        seconds: median time of an answer.
    """

    reader: str
    answered: int
    right: int
    low: float
    high: float
    seconds: float

    @property
    def accuracy(self) -> float:
        """Share of the pairs answered; one half is what guessing gives."""
        return self.right / self.answered if self.answered else math.nan


def results(given: Sequence[Answer]) -> list[ReaderResult]:
    """Each reader's result, by code."""
    from statistics import median

    from scipy.stats import binomtest

    found = []
    for reader in sorted({answer.reader for answer in given}):
        own = [answer for answer in given if answer.reader == reader]
        right = sum(answer.right for answer in own)
        interval = binomtest(right, len(own)).proportion_ci(method="wilson")
        seconds = median(answer.seconds for answer in own)
        low, high = float(interval.low), float(interval.high)
        found.append(ReaderResult(reader, len(own), right, low, high, seconds))
    return found


def agreement(given: Sequence[Answer]) -> tuple[str, float, int]:
    """Kappa between the readers, on the pairs that all of them answered.

    Returns:
        `Cohen's κ` for two readers, `Fleiss' κ` for more, or "" for one; its value; the pairs.
    """
    readers = sorted({answer.reader for answer in given})
    said = {(a.reader, a.number): a.said for a in given}
    numbers = sorted({a.number for a in given if all((r, a.number) in said for r in readers)})
    if len(readers) < 2:
        return "", math.nan, len(numbers)
    if len(readers) == 2:
        one, two = ([said[r, n] for n in numbers] for r in readers)
        return "Cohen's κ", cohen_kappa(one, two), len(numbers)
    counts = [[sum(said[r, n] == s for r in readers) for s in ("left", "right")] for n in numbers]
    return "Fleiss' κ", fleiss_kappa(counts), len(numbers)
