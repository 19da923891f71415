"""Measure where an attribution map lies, against a mask."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jaxtyping import Bool, Num
from numpy.typing import NDArray
from torch import Tensor

from radar_core.api.inputs import as_tensor
from radar_core.errors import BadParameter
from radar_core.localisation import LOCALISATION


def localise(
    map: Num[Tensor, "h w"] | NDArray[Any],
    mask: Bool[Tensor, "h w"] | NDArray[Any],
    measures: Iterable[str] | None = None,
) -> dict[str, float]:
    """Where the attribution of a map lies against a mask, by measure.

    Args:
        map: an (h, w) map.
        mask: an (h, w) mask of its shape, of truth values or of 0 and 1.
        measures: registered measures; without a choice, all of them.

    Returns:
        Measure → value; NaN for all measures where the map is all zero or not finite, or the mask
        is empty. `LOCALISATION.create(name).chance(mask)` is what stands beside a value.

    Raises:
        BadParameter: a map that is not (h, w), a mask of another size or of other values.
        UnknownMethod: no such measure.
    """
    values, inside = as_tensor(map), as_tensor(mask)
    if values.ndim != 2 or values.shape != inside.shape or values.numel() == 0:
        raise BadParameter(
            "a map and a mask of one shape (height, width) are measured, "
            f"not {tuple(values.shape)} and {tuple(inside.shape)}"
        )
    if not ((inside == 0) | (inside == 1)).all():
        raise BadParameter("a mask holds true and false, or 0 and 1; compare it with a threshold")
    chosen = {
        name: LOCALISATION.create(name) for name in (LOCALISATION if measures is None else measures)
    }
    return {name: measure(values.double(), inside.bool()) for name, measure in chosen.items()}
