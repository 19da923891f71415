"""A4 paper with our fonts: texts that fit or say what they lack, lines, and a place to go on at."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from fpdf import FPDF
from fpdf.enums import Align, MethodReturnValue, XPos, YPos

from radar_core.report.chart import INK, QUIET
from radar_core.settings import ROOT

FONTS = ROOT / "assets" / "fonts"
SANS, REGULAR, BOLD = "RadarSans", "", "B"
SIDE, HEAD, FOOT = 18.0, 13.0, 16.0  # margins, mm
POINT = 25.4 / 72
LEADING = 1.38  # of a line, in font sizes


def printable(text: str, covered: Collection[int]) -> str:
    """A text in characters that a font has; others stand as their code points: [U+60A3]."""
    said, lacking = [], list[str]()
    for char in [*unicodedata.normalize("NFC", " ".join(text.split())), ""]:
        if char and ord(char) not in covered:
            lacking.append(f"U+{ord(char):04X}")
            continue
        if lacking:
            said.append(f"[{' '.join(lacking)}]")
            lacking = []
        said.append(char)
    return "".join(said)


class Paper(FPDF):
    """Pages with a running foot; texts are written at a cursor that moves down.

    The number of pages is known once they are set: they are set again, after those `before`.

    Attributes:
        foot: what stands at the foot of each page.
        pages_in_all: how many there will be; 0 until that is known.
        lacking: whether a character had to be written as its code point.
    """

    def __init__(self, foot: str, made: datetime, before: Paper | None = None) -> None:
        super().__init__(format="A4")
        pages_in_all = len(before.pages) if before else 0
        self._known: dict[tuple[str, float, float, str], list[str]] = (
            before._known if before else {}
        )
        self.foot, self.pages_in_all, self.lacking = foot, pages_in_all, False
        self.add_font(SANS, REGULAR, FONTS / "RadarSans-Regular.ttf")
        self.add_font(SANS, BOLD, FONTS / "RadarSans-SemiBold.ttf")
        both: list[Any] = [self.fonts[f"{SANS.lower()}{style}"] for style in (REGULAR, BOLD)]
        self._covered = frozenset(both[0].cmap) & frozenset(both[1].cmap)
        self.set_margins(SIDE, HEAD, SIDE)
        self.set_auto_page_break(False)
        self.str_alias_nb_pages = ""  # a name may hold any characters
        self.c_margin = 0
        self.set_lang("en")
        self.set_creation_date(made)
        self.add_page()

    @property
    def wide(self) -> float:
        """The width between the margins."""
        return float(self.w) - 2 * SIDE

    @property
    def left(self) -> float:
        """What is left of this page."""
        return float(self.h) - FOOT - float(self.get_y())

    def close(self) -> None:
        """Close the font files."""
        for font in self.fonts.values():
            opened: Any = font
            opened.ttfont.close()

    def footer(self) -> None:
        """The running foot, with the number of the page."""
        y = self.h - FOOT + 5
        self.rule(y - 1.5)
        count = f" of {self.pages_in_all}" if self.pages_in_all else ""
        self.one(SIDE, y, self.wide - 30, self.foot, 7, colour=QUIET)
        self.one(SIDE, y, self.wide, f"Page {self.page}{count}", 7, colour=QUIET, align="R")

    def room(self, height: float) -> None:
        """Go on at the next page where a height is not left on this one."""
        if height > self.left and self.get_y() > HEAD + 1:
            self.add_page()
            self.set_xy(SIDE, HEAD)

    def down(self, height: float) -> None:
        """Leave a space."""
        self.set_xy(SIDE, self.get_y() + height)

    def ink(self, colour: str) -> None:
        """The colour of what is written and drawn next: #rrggbb."""
        parts = tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))
        self.set_text_color(*parts)
        self.set_draw_color(*parts)
        self.set_fill_color(*parts)

    def rule(self, y: float, colour: str = "#b5b5b5", width: float = 0.2) -> None:
        """A line from margin to margin."""
        self.ink(colour)
        self.set_line_width(width)
        self.line(SIDE, y, SIDE + self.wide, y)

    def words(self, text: str) -> str:
        """A text as it can be printed."""
        shown = printable(text, self._covered)
        self.lacking = self.lacking or shown != unicodedata.normalize("NFC", " ".join(text.split()))
        return shown

    def broken(self, text: str, width: float, size: float, style: str = REGULAR) -> list[str]:
        """The lines of a text within a width; a word that is too long is broken."""
        known = self._known.get((text, width, size, style))
        self.set_font(SANS, style, size)
        shown = self.words(text)
        if known is not None:
            return known
        lines = self.multi_cell(
            width,
            size * POINT,
            shown,
            align=Align.L,
            dry_run=True,
            output=MethodReturnValue.LINES,
        )
        assert isinstance(lines, list)
        found = self._known[text, width, size, style] = [str(line) for line in lines]
        return found

    def tall(self, text: str, width: float, size: float, style: str = REGULAR) -> float:
        """The height of a text within a width."""
        return len(self.broken(text, width, size, style)) * size * POINT * LEADING

    def block(
        self,
        x: float,
        y: float,
        width: float,
        text: str,
        size: float,
        *,
        style: str = REGULAR,
        colour: str = INK,
        align: str = "L",
    ) -> float:
        """Write a text in as many lines as it takes; gives its height."""
        lines = self.broken(text, width, size, style)
        self.ink(colour)
        step = size * POINT * LEADING
        for number, line in enumerate(lines):
            self.set_xy(x, y + number * step)
            self.cell(width, step, line, align=align, new_x=XPos.LEFT, new_y=YPos.TOP)
        return len(lines) * step

    def one(
        self,
        x: float,
        y: float,
        width: float,
        text: str,
        size: float,
        *,
        style: str = REGULAR,
        colour: str = INK,
        align: str = "L",
    ) -> float:
        """Write a text on one line, cut short with … where it is too long; gives its width."""
        self.set_font(SANS, style, size)
        shown = self.words(text)
        if self.get_string_width(shown) > width:
            while shown and self.get_string_width(shown + "…") > width:
                shown = shown[:-1]
            shown += "…"
        self.ink(colour)
        self.set_xy(x, y)
        step = size * POINT * LEADING
        self.cell(width, step, shown, align=align, new_x=XPos.LEFT, new_y=YPos.TOP)
        return float(self.get_string_width(shown))

    def path(
        self,
        points: Sequence[tuple[float, float]],
        colour: str,
        width: float,
        dash: Sequence[float] = (),
    ) -> None:
        """A line through points, dashed by lengths on and off."""
        self.ink(colour)
        self.set_line_width(width)
        scale = self.k
        places = [f"{x * scale:.2f} {(self.h - y) * scale:.2f}" for x, y in points]
        pattern = " ".join(f"{length * scale:.2f}" for length in dash)
        way = f"{places[0]} m " + " ".join(f"{place} l" for place in places[1:])
        cap = 0 if dash else 1
        self._out(f"q 1 j {cap} J [{pattern}] 0 d {way} S Q")
