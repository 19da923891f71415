"""Compare two attribution maps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from jaxtyping import Num
from numpy.typing import NDArray
from torch import Tensor

from radar_core.api.inputs import as_tensor
from radar_core.errors import BadParameter
from radar_core.metrics import METRICS


def compare(
    first: Num[Tensor, "h w"] | NDArray[Any],
    second: Num[Tensor, "h w"] | NDArray[Any],
    metrics: Iterable[str] | None = None,
) -> dict[str, float]:
    """Consistency of two attribution maps, by metric.

    Args:
        first, second: (h, w) maps of one size.
        metrics: registered metrics; without a choice, all of them.

    Returns:
        Metric → value; NaN where a metric is not defined for these maps, and for all metrics where
        a map holds values that are not finite.

    Raises:
        BadParameter: maps that are not (h, w), or of different sizes.
        UnknownMethod: no such metric.
    """
    one, other = as_tensor(first).double(), as_tensor(second).double()
    if one.ndim != 2 or one.shape != other.shape or one.numel() == 0:
        raise BadParameter(
            "two maps of one shape (height, width) can be compared, "
            f"not {tuple(one.shape)} and {tuple(other.shape)}"
        )
    finite = bool(one.isfinite().all() and other.isfinite().all())
    chosen = {name: METRICS.create(name) for name in (METRICS if metrics is None else metrics)}
    return {name: metric(one, other) if finite else np.nan for name, metric in chosen.items()}
