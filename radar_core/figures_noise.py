"""The strip chart of the noise floor: one row a metric, all rows on one axis."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from radar_core.figures import QUIET, finish

if TYPE_CHECKING:
    from plotly.graph_objects import Figure, Scatter

ROW = 46  # height of a row, px
AROUND = 120  # height of what stands above and below the rows
HALF = 0.28  # how far from its row's middle a dot may lie, in rows
GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class NoiseRow:
    """A metric: its values for benign controls, for the attack, and for a second run, if any.

    `repeat` is the value of the clean map against that of another seed on the same image; `low`,
    `high` (both finite) and `direction` are the metric's own.
    """

    title: str
    controls: Sequence[float]
    value: float
    repeat: float | None
    low: float
    high: float
    direction: Literal["higher", "lower"]

    def likeness(self, value: float) -> float:
        """A value on the axis all metrics share: 1 for equal maps, 0 for as unlike as can be."""
        worst, best = self.low, self.high
        if self.direction == "lower":
            worst, best = best, worst
        return (value - worst) / (best - worst)


def noise_strip(rows: Sequence[NoiseRow], colours: Sequence[str]) -> Figure:
    """Where the attack stands among the benign controls, by metric; the first row is on top.

    Values that are not finite are left out.
    """
    from plotly.graph_objects import Figure

    traces = [
        _trace(
            "Benign control",
            ((row, at + scatter(i), v) for at, row in enumerate(rows) for i, v in _finite(row)),
            {"symbol": "circle", "size": 7, "color": QUIET, "opacity": 0.6},
        ),
        _trace(
            "Attack",
            ((row, at, row.value) for at, row in enumerate(rows)),
            {"symbol": "diamond", "size": 15, "color": colours[1]},
        ),
        _trace(
            "Clean, another seed",
            ((row, at, row.repeat) for at, row in enumerate(rows) if row.repeat is not None),
            {"symbol": "circle-open", "size": 17, "color": colours[0], "line": {"width": 2}},
        ),
    ]
    figure = Figure([trace for trace in traces if trace.x])
    finish(figure, "0: unlike, 1: equal maps", "")
    figure.update_xaxes(range=(-0.04, 1.04), dtick=0.25, tick0=0)
    figure.update_yaxes(
        range=(len(rows) - 0.5, -0.5),
        tickvals=list(range(len(rows))),
        ticktext=[row.title for row in rows],
        automargin=True,
    )
    figure.update_layout(height=AROUND + ROW * len(rows), showlegend=True)
    return figure


def scatter(number: int) -> float:
    """How far from the middle of its row the n-th dot lies: spread evenly, the same every time."""
    return HALF * (2 * (((number + 1) * GOLDEN) % 1) - 1)


def _finite(row: NoiseRow) -> Iterable[tuple[int, float]]:
    return enumerate(v for v in row.controls if math.isfinite(v))


def _trace(
    name: str, points: Iterable[tuple[NoiseRow, float, float]], marker: dict[str, Any]
) -> Scatter:
    from plotly.graph_objects import Scatter

    drawn = [(row, y, value) for row, y, value in points if math.isfinite(value)]
    return Scatter(
        x=[row.likeness(value) for row, _, value in drawn],
        y=[y for _, y, _ in drawn],
        name=name,
        mode="markers",
        marker=marker,
        cliponaxis=False,  # equal maps stand at the very edge
        text=[row.title for row, _, _ in drawn],
        customdata=[value for _, _, value in drawn],
        hovertemplate=f"%{{text}}<br>{name}: %{{customdata:.3f}}<extra></extra>",
    )
