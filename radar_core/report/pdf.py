"""A report on A4: blocks from top to bottom, a heading never parted from what it heads."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from typing import Any

from radar_core.report import plates, setting
from radar_core.report.blocks import (
    Bars,
    Block,
    Bullets,
    Charts,
    Code,
    Content,
    Facts,
    Grid,
    Paragraph,
    Section,
    Strip,
    Table,
)
from radar_core.report.chart import INK, QUIET
from radar_core.report.paper import BOLD, FOOT, HEAD, SIDE, Paper
from radar_core.report.words import NOT_A_DEVICE

DRAW: dict[type[Any], Callable[[Any, Paper], None]] = {
    Paragraph: setting.paragraph,
    Bullets: setting.bullets,
    Strip: setting.strip,
    Table: setting.table,
    Facts: setting.facts,
    Code: setting.code,
    Grid: plates.grid,
    Charts: plates.charts,
    Bars: plates.bars,
}
WHOLE: dict[type[Any], Callable[[Any, Paper], float]] = {
    Grid: plates.grid_height,
    Charts: plates.charts_height,
    Bars: plates.bars_height,
}
HEADING = 8.6  # height of a heading with its rule, mm
TOGETHER = 16.0  # of a block, what has to stand with its heading
LACKING = (
    "Characters that the font of this document lacks stand as their code points, such as U+60A3; "
    "the HTML and the JSON report have them as they are."
)


def write_pdf(content: Content, made: datetime) -> bytes:
    """The report as a PDF; equal content and an equal time give equal bytes."""
    with closing(_set(content, made)) as first, closing(_set(content, made, first)) as paper:
        return bytes(paper.output())


def _set(content: Content, made: datetime, before: Paper | None = None) -> Paper:
    paper = Paper(f"{content.title} · {NOT_A_DEVICE}", made, before)
    paper.set_title(paper.words(f"RADAR case report: {content.title}"))
    paper.set_subject(NOT_A_DEVICE)
    paper.set_creator("RADAR")
    _head(paper, content)
    for block in content.lead:
        DRAW[type(block)](block, paper)
    for section in content.sections:
        _heading(paper, section)
        for block in section.blocks:
            DRAW[type(block)](block, paper)
    if paper.lacking:
        setting.paragraph(Paragraph(LACKING, quiet=True), paper)
    return paper


def _head(paper: Paper, content: Content) -> None:
    """Which image, model and attack, and what came of it in one sentence."""
    paper.one(SIDE, HEAD, 60, "RADAR case report", 8.5, style=BOLD)
    paper.one(SIDE, HEAD, paper.wide, content.made, 8, colour=QUIET, align="R")
    paper.rule(HEAD + 5, INK, 0.4)
    y = HEAD + 7
    y += paper.block(SIDE, y, paper.wide, content.title, 16, style=BOLD) + 0.3
    tags = "  ·  ".join((*content.tags, NOT_A_DEVICE.rstrip(".").lower()))
    y += paper.block(SIDE, y, paper.wide, tags, 8.6, colour=QUIET) + 2
    text = "".join(part.text for part in content.verdict)
    y += paper.block(SIDE, y, paper.wide, text, 12, style=BOLD) + 2
    paper.set_xy(SIDE, y)


def _heading(paper: Paper, section: Section) -> None:
    paper.room(HEADING + _together(section.blocks[0], paper))
    if paper.get_y() > HEAD + 1:
        paper.down(2.6)
    paper.rule(paper.get_y(), INK, 0.3)
    paper.down(1.3)
    height = paper.block(SIDE, paper.get_y(), paper.wide, section.title, 10.5, style=BOLD)
    paper.set_xy(SIDE, paper.get_y() + height + 1)


def _together(block: Block, paper: Paper) -> float:
    """How much of a block has to stand under its heading."""
    whole = WHOLE.get(type(block))
    if whole is None:
        return TOGETHER
    return min(whole(block, paper), paper.h - HEAD - FOOT - HEADING)
