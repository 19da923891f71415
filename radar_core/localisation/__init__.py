"""Where a map's attribution lies, against a mask; one file a measure. `LOCALISATION` finds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

from radar_core.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor


class Measure(Protocol):
    """What a file of this folder registers: a frozen dataclass, called with a map and a mask.

    `low` and `high` are the bounds; higher is more of the attribution in the mask. `order` is the
    place in lists.
    """

    title: ClassVar[str]
    source: ClassVar[str]
    unit: ClassVar[str]
    low: ClassVar[float]
    high: ClassVar[float]
    order: ClassVar[int]

    def chance(self, mask: Tensor) -> float:
        """What a map that knows nothing of the (h, w) bool mask is expected to have."""
        ...

    def __call__(self, values: Tensor, mask: Tensor) -> float:
        """The measure of a (h, w) float64 map and a bool mask of its shape; NaN if `undefined`."""
        ...


LOCALISATION: Registry[Measure] = Registry("localisation measure", __name__)


def area(mask: Tensor) -> float:
    """The share of the image that a mask covers."""
    return float(mask.double().mean())


def undefined(values: Tensor, mask: Tensor) -> bool:
    """Whether there is nothing to measure: an empty mask, a map of zeros or one not finite."""
    return not (mask.any() and values.any() and values.isfinite().all())
