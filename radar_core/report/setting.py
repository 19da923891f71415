"""Text blocks of a report on paper: paragraphs, lists, tables and what is looked up."""

from __future__ import annotations

from radar_core.report.blocks import Bullets, Cell, Code, Facts, Paragraph, Strip, Table
from radar_core.report.chart import INK, QUIET
from radar_core.report.paper import BOLD, LEADING, POINT, REGULAR, SIDE, Paper

BODY, LOOKED_UP, SMALL, TINY = 8.6, 7.5, 7.2, 6.6  # sizes of type, points
LINE = "#d8d8d8"
NAMES = 33.0  # width of the names in lists and facts, mm


def paragraph(block: Paragraph, paper: Paper) -> None:
    """Sentences over the whole width; a notice has a bar beside it."""
    size, colour = (SMALL, QUIET) if block.quiet else (BODY, INK)
    inset, style = (3.0, BOLD) if block.notice else (0.0, REGULAR)
    height = paper.tall(block.text, paper.wide - inset, size, style)
    paper.room(height)
    y = paper.get_y()
    if block.notice:
        paper.path([(SIDE + 0.6, y), (SIDE + 0.6, y + height)], INK, 0.9)
    paper.block(SIDE + inset, y, paper.wide - inset, block.text, size, style=style, colour=colour)
    paper.set_xy(SIDE, y + height + 1.6)


def bullets(block: Bullets, paper: Paper) -> None:
    """A list, each item with its name or a dash before it."""
    for item in block.items:
        name, _, rest = item.partition(": ") if block.named else ("", "", item)
        inset, size = (NAMES, LOOKED_UP) if block.named else (4.0, BODY)
        size = LOOKED_UP if block.small else size
        height = max(
            paper.tall(rest, paper.wide - inset, size),
            paper.tall(name, inset - 2, size, BOLD) if name else 0,
        )
        paper.room(height)
        y = paper.get_y()
        if name:
            paper.block(SIDE, y, inset - 2, name, size, style=BOLD)
        else:
            paper.one(SIDE, y, 4, "–", size)
        paper.block(SIDE + inset, y, paper.wide - inset, rest, size)
        paper.set_xy(SIDE, y + height + 0.9)
    paper.down(0.8)


def strip(block: Strip, paper: Paper) -> None:
    """Numbers in a row between two lines."""
    width = paper.wide / len(block.figures)
    inner = width - 4
    titles = max(paper.tall(f.title, inner, SMALL) for f in block.figures)
    values = max(paper.tall(f.value, inner, 12.5, BOLD) for f in block.figures)
    notes = max(paper.tall(f.note, inner, SMALL) for f in block.figures)
    height = titles + values + notes + 3.2
    paper.room(height)
    y = paper.get_y()
    paper.rule(y)
    for number, figure in enumerate(block.figures):
        x = SIDE + number * width + (2 if number else 0)
        paper.block(x, y + 1.6, inner, figure.title, SMALL, colour=QUIET)
        paper.block(x, y + 1.6 + titles, inner, figure.value, 12.5, style=BOLD)
        paper.block(x, y + 1.6 + titles + values, inner, figure.note, SMALL, colour=QUIET)
        if number:
            paper.path([(x - 2, y + 1.4), (x - 2, y + height - 1.4)], LINE, 0.2)
    paper.rule(y + height)
    paper.set_xy(SIDE, y + height + 1.5)


def table(block: Table, paper: Paper) -> None:
    """Rows under a head that is said again on the next page."""
    if block.dense:
        return
    unit = paper.wide / (block.first + len(block.head) - 1)
    widths = [unit * block.first, *[unit] * (len(block.head) - 1)]
    places = [SIDE + sum(widths[:i]) for i in range(len(widths))]
    heights = [
        max(_tall(cell, width - 2, paper) for cell, width in zip(row, widths, strict=True))
        for row in block.rows
    ]
    head = max(paper.tall(text, w - 2, SMALL) for text, w in zip(block.head, widths, strict=True))

    def heads() -> None:
        y = paper.get_y()
        for x, width, text in zip(places, widths, block.head, strict=True):
            paper.block(x, y, width - 2, text, SMALL, colour=QUIET)
        paper.rule(y + head + 0.7, QUIET, 0.25)
        paper.set_xy(SIDE, y + head + 1.3)

    paper.room(head + 1.3 + sum(heights[:2]) + 2)
    heads()
    for row, height in zip(block.rows, heights, strict=True):
        if height + 1 > paper.left:
            paper.room(height + 1)
            heads()
        y = paper.get_y()
        for number, (cell, x, width) in enumerate(zip(row, places, widths, strict=True)):
            style = REGULAR if number else BOLD
            below = paper.block(x, y, width - 2, cell.value, BODY, style=style)
            if cell.note:
                paper.block(x, y + below, width - 2, cell.note, TINY, colour=QUIET)
        paper.rule(y + height + 0.4, LINE, 0.15)
        paper.set_xy(SIDE, y + height + 0.8)
    paper.down(1.6)


def _tall(cell: Cell, width: float, paper: Paper) -> float:
    note = paper.tall(cell.note, width, TINY) if cell.note else 0.0
    return paper.tall(cell.value, width, BODY, BOLD) + note


def facts(block: Facts, paper: Paper) -> None:
    """Names and values in small type; of short ones two stand side by side."""
    half = paper.wide / 2
    left = list(block.pairs)
    while left:
        two, y = left[:2], paper.get_y()
        if len(two) == 2 and all(len(paper.broken(v, half - NAMES - 2, SMALL)) < 2 for _, v in two):
            step = SMALL * POINT * LEADING
            paper.room(step)
            y = paper.get_y()
            for x, (name, value) in zip((SIDE, SIDE + half), two, strict=True):
                paper.one(x, y, NAMES - 2, name, SMALL, colour=QUIET)
                paper.one(x + NAMES, y, half - NAMES - 2, value, SMALL)
            paper.set_xy(SIDE, y + step + 0.35)
            left = left[2:]
            continue
        name, value = left.pop(0)
        height = max(
            paper.tall(name, NAMES - 2, SMALL), paper.tall(value, paper.wide - NAMES, SMALL)
        )
        paper.room(height)
        y = paper.get_y()
        paper.block(SIDE, y, NAMES - 2, name, SMALL, colour=QUIET)
        paper.block(SIDE + NAMES, y, paper.wide - NAMES, value, SMALL)
        paper.set_xy(SIDE, y + height + 0.35)
    paper.down(1.8)


def code(block: Code, paper: Paper) -> None:
    """A command in a frame."""
    height = paper.tall(block.text, paper.wide - 5, SMALL) + 2.4
    paper.room(height)
    y = paper.get_y()
    paper.ink("#9a9a9a")
    paper.set_line_width(0.2)
    paper.rect(SIDE, y, paper.wide, height)
    paper.block(SIDE + 2.5, y + 1.2, paper.wide - 5, block.text, SMALL)
    paper.set_xy(SIDE, y + height + 1.8)
