"""Consistency of two attribution maps, one file a metric. `METRICS` finds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from radar_core.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor


Role = Literal["headline", "further", "paper"]


class Metric(Protocol):
    """What a file of this folder registers: a frozen dataclass of parameters, called with two maps.

    `direction` says whether more alike maps give a higher or a lower value, `low` and `high` are
    the bounds, `chance` the value two independent maps would have at the default parameters, where
    that is one number; `order` is the place in lists. `role`
    says how a metric is shown: up front, among the further ones, or as one kept for comparison with
    the paper, whose faults its docstring names.
    """

    title: ClassVar[str]
    source: ClassVar[str]
    unit: ClassVar[str]
    direction: ClassVar[Literal["higher", "lower"]]
    low: ClassVar[float]
    high: ClassVar[float]
    chance: ClassVar[float | None]
    order: ClassVar[int]
    role: ClassVar[Role]

    def __call__(self, first: Tensor, second: Tensor) -> float:
        """The metric of two finite (h, w) float64 maps; NaN where it is not defined.

        Equal maps, constant ones among them, are as alike as can be.
        """
        ...


METRICS: Registry[Metric] = Registry("metric", __name__)
