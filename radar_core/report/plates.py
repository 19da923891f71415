"""Pictures, charts and bars of a report on paper; all of them tell without colour."""

from __future__ import annotations

import io

from radar_core.report.blocks import Bar, Bars, Charts, Grid, Picture
from radar_core.report.chart import QUIET, SIZE, Mark, Stroke, Word, height_of, shapes
from radar_core.report.paper import BOLD, POINT, SANS, SIDE, Paper
from radar_core.report.setting import BODY, SMALL, TINY

CLEAN, ATTACKED = "#0a5c8f", "#b04a00"
LABEL, GAP = 5.0, 2.2  # of a row's name, and between pictures, mm
TITLE, CAPTION = 4.2, 3.6  # heights of a column's title and of a caption
TALLEST = 42.0  # the longest side of a picture
DASH = (1.1, 0.8)
NAMED, VALUE = 44.0, 16.0  # widths of a class and of a probability, mm


def _side(block: Grid, paper: Paper) -> float:
    columns = max(len(block.columns), 3)
    return min(TALLEST, (paper.wide - LABEL - GAP * (columns - 1)) / columns)


def grid_height(block: Grid, paper: Paper) -> float:
    """The height of a grid, which is never broken."""
    return TITLE + len(block.rows) * (_side(block, paper) + CAPTION + 0.8)


def grid(block: Grid, paper: Paper) -> None:
    """Rows named at the left, from below upwards; columns titled; a caption under each picture."""
    side = _side(block, paper)
    paper.room(grid_height(block, paper))
    y = paper.get_y()
    for number, title in enumerate(block.columns):
        x = SIDE + LABEL + number * (side + GAP)
        paper.one(x, y, side, title, BODY, style=BOLD)
    y += TITLE
    for name, pictures in block.rows:
        colour = {"Clean": CLEAN, "Attacked": ATTACKED}.get(name, QUIET)
        paper.path([(SIDE + 4, y), (SIDE + 4, y + side)], colour, 0.7)
        with paper.rotation(90, SIDE, y + side):
            paper.one(SIDE, y + side - 0.4, side, name, BODY, style=BOLD)
        for number, picture in enumerate(pictures):
            x = SIDE + LABEL + number * (side + GAP)
            _picture(picture, paper, x, y, side)
            first, second = picture.captions
            paper.set_font(SANS, "", TINY)
            room = paper.get_string_width(paper.words(second)) + 2 if second else 0
            paper.one(x, y + side + 0.2, max(side - room, side / 3), first, TINY)
            paper.one(x, y + side + 0.2, side, second, TINY, colour=QUIET, align="R")
        y += side + CAPTION + 0.8
    paper.set_xy(SIDE, y)


def _picture(picture: Picture, paper: Paper, x: float, y: float, side: float) -> None:
    """A picture with its outlines; each line has a light edge that parts it from what is dark."""
    paper.image(io.BytesIO(picture.png), x, y, side, side, alt_text=paper.words(picture.name))
    for line in picture.outlines:
        points = [(x + a * side, y + b * side) for a, b in line.points]
        paper.path(points, "#ffffff", 0.55)
        paper.path(points, "#000000", 0.25, DASH if line.dashed else ())
    paper.ink("#8a8a8a")
    paper.set_line_width(0.1)
    paper.rect(x, y, side, side)


def charts_height(block: Charts, paper: Paper) -> float:
    """The height of charts side by side, titles included."""
    return TITLE + max(height_of(chart) for chart in block.charts) + 2


def charts(block: Charts, paper: Paper) -> None:
    """Charts side by side; one alone has half the width."""
    paper.room(charts_height(block, paper))
    count = max(2, len(block.charts))
    width = (paper.wide - 6 * (count - 1)) / count
    top = paper.get_y()
    for number, chart in enumerate(block.charts):
        x, y = SIDE + number * (width + 6), top + TITLE
        paper.one(x, top, width, chart.title, BODY, style=BOLD)
        for shape in shapes(chart, width):
            if isinstance(shape, Stroke):
                points = [(x + a, y + b) for a, b in shape.points]
                paper.path(points, shape.colour, shape.width, shape.dash)
            elif isinstance(shape, Mark):
                _mark(shape, paper, x, y)
            else:
                _word(shape, paper, x, y, width)
    paper.set_xy(SIDE, top + charts_height(block, paper))


def _word(word: Word, paper: Paper, x: float, y: float, width: float) -> None:
    """A text on its baseline."""
    a, b = word.at
    rise = SIZE * POINT * 1.02
    room = {"start": width - a, "middle": 2 * min(a, width - a), "end": a}[word.anchor]
    left = x + a - {"start": 0.0, "middle": room / 2, "end": room}[word.anchor]
    align = {"start": "L", "middle": "C", "end": "R"}[word.anchor]
    paper.one(left, y + b - rise, room, word.text, SIZE, colour=word.colour, align=align)


def _mark(mark: Mark, paper: Paper, x: float, y: float) -> None:
    a, b, r = x + mark.at[0], y + mark.at[1], mark.size
    paper.ink(mark.colour)
    paper.set_line_width(0.3)
    if mark.kind == "square":
        paper.rect(a - r * 0.9, b - r * 0.9, 1.8 * r, 1.8 * r, style="F")
    elif mark.kind == "diamond":
        r *= 1.25
        paper.polygon([(a, b - r), (a + r, b), (a, b + r), (a - r, b)], style="F")
    elif mark.kind == "cross":
        paper.line(a - r, b - r, a + r, b + r)
        paper.line(a - r, b + r, a + r, b - r)
    else:
        if mark.kind == "ring":
            paper.set_fill_color(255, 255, 255)
        paper.circle(a, b, r, style="DF" if mark.kind == "ring" else "F")


def bars_height(block: Bars, paper: Paper) -> float:
    """The height of all bars with their key."""
    return 5.0 + sum(_row(bar, paper) for bar in block.rows) + 1.5


def _row(bar: Bar, paper: Paper) -> float:
    return max(4.5, paper.tall(_labelled(bar), NAMED, BODY, BOLD))


def _labelled(bar: Bar) -> str:
    return f"{bar.label} ({bar.mark})" if bar.mark else bar.label


def bars(block: Bars, paper: Paper) -> None:
    """A class a row: the clean probability an empty bar, the attacked one a full bar below it."""
    x, across = SIDE + NAMED + 3, paper.wide - NAMED - 3 - 2 * VALUE
    values = SIDE + paper.wide - 2 * VALUE
    paper.room(min(bars_height(block, paper), 90))
    y = paper.get_y()
    paper.one(SIDE, y, NAMED, block.title, SMALL, colour=QUIET)
    _bar(paper, x, y + 0.9, 6, CLEAN, full=False)
    paper.one(x + 7.5, y, 20, "clean", SMALL)
    _bar(paper, x + 22, y + 0.9, 6, ATTACKED, full=True)
    paper.one(x + 29.5, y, 20, "attacked", SMALL)
    paper.one(values, y, VALUE, "clean", SMALL, colour=QUIET, align="R")
    paper.one(values + VALUE, y, VALUE, "attacked", SMALL, colour=QUIET, align="R")
    paper.set_xy(SIDE, y + 5)
    for row in block.rows:
        height = _row(row, paper)
        paper.room(height)
        y = paper.get_y()
        paper.block(SIDE, y - 0.2, NAMED, _labelled(row), BODY, style=BOLD)
        _bar(paper, x, y + 0.1, row.clean[0] * across, CLEAN, full=False)
        paper.one(values, y - 0.2, VALUE, row.clean[1], BODY, align="R")
        if row.attacked is not None:
            _bar(paper, x, y + 2.2, row.attacked[0] * across, ATTACKED, full=True)
            paper.one(values + VALUE, y - 0.2, VALUE, row.attacked[1], BODY, align="R")
        paper.path([(x, y - 0.3), (x, y + height - 0.3)], QUIET, 0.2)
        paper.set_xy(SIDE, y + height)
    paper.down(1.5)


def _bar(paper: Paper, x: float, y: float, width: float, colour: str, *, full: bool) -> None:
    paper.ink(colour)
    paper.set_line_width(0.22)
    paper.rect(x, y, max(0.3, width), 1.6, style="F" if full else "D")
