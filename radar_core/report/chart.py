"""The geometry of a chart, once for PDF and HTML: strokes, marks and words on a sheet in mm.

Series differ by dashes and marks, so that a print in black and white keeps them apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from radar_core.report.blocks import Chart, Point, Series

# On and off lengths in mm, marks and colours (Okabe and Ito's, darkest first), one a series.
DASHES: tuple[tuple[float, ...], ...] = ((), (2.2, 1.2), (0.5, 1.0), (3.2, 0.9, 0.5, 0.9), (4.5, 2))
MARKS = ("dot", "square", "ring", "diamond", "cross")
COLOURS = ("#0a5c8f", "#b04a00", "#1a1a1a", "#00785a", "#8a4a73")
INK, QUIET, FAINT = "#1a1a1a", "#5a5a5a", "#c9c9c9"
SIZE = 7.0  # of words, in points
LEFT, TOP, LOWER, ROW = 9.0, 4.5, 9.0, 4.0  # room around the plot and of a legend's line, mm
PLOT = 36.0  # height of the plot


@dataclass(frozen=True)
class Stroke:
    """A line through points."""

    points: Sequence[Point]
    colour: str = INK
    width: float = 0.35
    dash: Sequence[float] = ()


@dataclass(frozen=True)
class Mark:
    """A small sign at a point."""

    kind: str
    at: Point
    colour: str
    size: float = 0.75


@dataclass(frozen=True)
class Word:
    """A text on its baseline."""

    at: Point
    text: str
    anchor: Literal["start", "middle", "end"] = "start"
    colour: str = QUIET


Shape = Stroke | Mark | Word


def height_of(chart: Chart) -> float:
    """The height of a chart in mm, without its title."""
    return TOP + PLOT + LOWER + ROW * len(chart.series)


def shapes(chart: Chart, width: float) -> Iterator[Shape]:
    """What to draw, from back to front, on a sheet of that width and of `height_of`."""
    plot = _Plot(chart, width)
    for value in plot.levels:
        y = plot.y(value)
        yield Stroke([(LEFT, y), (width, y)], FAINT, 0.15)
        yield Word((LEFT - 1.2, y + 0.9), f"{value:g}".replace("-", "−"), "end")
    for value, words in plot.ticks:
        x = plot.x(value)
        yield Stroke([(x, plot.bottom), (x, plot.bottom + 0.9)], QUIET, 0.15)
        yield Word((x, plot.bottom + 3.6), words, "middle")
    yield Word(((LEFT + width) / 2, plot.bottom + 7.2), chart.x_title, "middle")
    if chart.now is not None:
        x = plot.x(chart.now)
        yield Stroke([(x, TOP), (x, plot.bottom)], FAINT, 1.6)
    if chart.flip is not None:
        x = plot.x(chart.flip)
        yield Stroke([(x, TOP - 0.8), (x, plot.bottom)], QUIET, 0.25, (0.8, 0.8))
        late = x > (LEFT + width) / 2
        words, move = f"turns at {chart.flip:.3g}", -0.8 if late else 0.8
        yield Word((x + move, TOP - 1.2), words, "end" if late else "start", INK)
    for number, series in enumerate(chart.series):
        colour, dash = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
        mark = MARKS[number % len(MARKS)]
        for run in plot.runs(series):
            if len(run) > 1:
                yield Stroke(run, colour, 0.4, dash)
            for at in run:
                yield Mark(mark, at, colour)
        y = plot.bottom + LOWER + ROW * number + 2.2
        yield Stroke([(LEFT, y), (LEFT + 8, y)], colour, 0.4, dash)
        yield Mark(mark, (LEFT + 4, y), colour)
        yield Word((LEFT + 10, y + 0.9), series.title, "start", INK)


class _Plot:
    """The scales of a chart."""

    def __init__(self, chart: Chart, width: float) -> None:
        self.chart, self.width, self.bottom = chart, width, TOP + PLOT
        self.log = chart.log and min(chart.x) > 0
        shown = [x for x in (*chart.x, chart.now, chart.flip) if x is not None]
        self.first, self.last = self._scaled(min(shown)), self._scaled(max(shown))
        step = 0.5 if chart.high - chart.low > 1 else 0.25
        count = round((chart.high - chart.low) / step)
        self.levels = [chart.low + step * i for i in range(count + 1)]
        self.ticks = [(x, f"{x:g}") for x in (chart.x if self.log else _round(max(shown)))]

    def _scaled(self, x: float) -> float:
        return math.log10(max(x, 1e-12)) if self.log else x

    def x(self, value: float) -> float:
        span = (self.last - self.first) or 1.0
        return LEFT + 2 + (self._scaled(value) - self.first) / span * (self.width - LEFT - 4)

    def runs(self, series: Series) -> list[list[Point]]:
        """The points of a line, parted where a value is not defined."""
        found: list[list[Point]] = [[]]
        for x, value in zip(self.chart.x, series.values, strict=True):
            if math.isfinite(value):
                found[-1].append((self.x(x), self.y(value)))
            elif found[-1]:
                found.append([])
        return found

    def y(self, value: float) -> float:
        span = self.chart.high - self.chart.low
        return self.bottom - (value - self.chart.low) / span * PLOT


def _round(top: float) -> list[float]:
    """Zero and four to eight round values up to a largest one."""
    if top <= 0:
        return [0.0]
    step = 10.0 ** math.floor(math.log10(top))
    step = next(s for s in (step * 2, step, step * 0.5, step * 0.4, step * 0.2) if top / s >= 3.9)
    return [round(step * i, 12) for i in range(int(top / step + 1e-9) + 1)]
