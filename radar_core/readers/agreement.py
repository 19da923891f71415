"""Agreement between readers beyond what chance gives."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def cohen_kappa(first: Sequence[str], second: Sequence[str]) -> float:
    """Agreement of two readers on the same items: 1 in full, 0 as by chance.

    (p_o − p_e) / (1 − p_e), p_e from each reader's own shares. J. Cohen, Educational and
    Psychological Measurement 20(1), 1960, pp. 37–46. Not defined (NaN) for no item, and where both
    always say the same one thing.
    """
    if len(first) != len(second):
        raise ValueError(f"two readers of the same items, not of {len(first)} and {len(second)}")
    if not first:
        return math.nan
    names = sorted({*first, *second})
    one, two = (np.array([names.index(x) for x in said]) for said in (first, second))
    seen = float((one == two).mean())
    by_chance = sum(float((one == k).mean() * (two == k).mean()) for k in range(len(names)))
    return math.nan if by_chance >= 1 else (seen - by_chance) / (1 - by_chance)


def fleiss_kappa(counts: Sequence[Sequence[int]]) -> float:
    """Agreement of n readers on N items: 1 in full, 0 as by chance.

    Args:
        counts: (N, k) how many of the n readers gave item i the answer j; each row sums to n ≥ 2.

    J. L. Fleiss, Psychological Bulletin 76(5), 1971, pp. 378–382. Not defined (NaN) for no item,
    and where all always say the same one thing.
    """
    table = np.asarray(counts, dtype=float)
    if table.size == 0:
        return math.nan
    n = table.sum(1)
    if (n != n[0]).any() or n[0] < 2:
        raise ValueError("each item is read by the same number of readers, two or more")
    each = ((table**2).sum(1) - n) / (n * (n - 1))
    by_chance = float(((table.sum(0) / table.sum()) ** 2).sum())
    return math.nan if by_chance >= 1 else (float(each.mean()) - by_chance) / (1 - by_chance)
