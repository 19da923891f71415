"""Make the report's fonts: `python docs/fonts.py FOLDER`, a folder with Inter's OpenType files.

Inter (https://github.com/rsms/inter, here of Debian's package fonts-inter), cut down to Latin,
Greek, Cyrillic, punctuation, arrows and mathematical signs; digits of one width, so that columns
of numbers stand in line; outlines as TrueType, which fpdf2 embeds. Changed, it bears another name.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont, newTable

TO = Path(__file__).resolve().parents[1] / "assets" / "fonts"
NAME = "Radar Sans"
WEIGHTS = ("Regular", "SemiBold")
RANGES = (
    *((0x20, 0x7E), (0xA0, 0x17F), (0x18F, 0x18F), (0x1A0, 0x1B0), (0x218, 0x21B), (0x259, 0x259)),
    *((0x2BB, 0x2BC), (0x2C6, 0x2DD), (0x370, 0x3FF), (0x400, 0x45F), (0x490, 0x4FF)),
    *((0x1E00, 0x1EFF), (0x2010, 0x2027), (0x2030, 0x203A), (0x2070, 0x208E), (0x20AC, 0x20AC)),
    *((0x2116, 0x2116), (0x2122, 0x2122), (0x2190, 0x2195), (0x2202, 0x2265), (0x25A0, 0x25CF)),
)


def make(source: Path, target: Path) -> None:
    """Write one weight."""
    font = TTFont(source, recalcTimestamp=False)
    _tabular(font)
    options = Options(layout_features=[], notdef_outline=True, hinting=False, glyph_names=False)
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
    subset = Subsetter(options)
    subset.populate(unicodes=[c for low, high in RANGES for c in range(low, high + 1)])
    subset.subset(font)
    _truetype(font)
    for record in font["name"].names:
        if record.nameID in (1, 3, 4, 6):
            joined = NAME.replace(" ", "") if record.nameID in (3, 6) else NAME
            record.string = str(record).replace("Inter", joined, 1)
    font.save(target)


def _tabular(font: TTFont) -> None:
    """Digits, and what stands among them, are those of the feature tnum."""
    table = font["GSUB"].table
    lookups = {
        index
        for record in table.FeatureList.FeatureRecord
        if record.FeatureTag == "tnum"
        for index in record.Feature.LookupListIndex
    }
    swaps: dict[str, str] = {}
    for index in lookups:
        for part in table.LookupList.Lookup[index].SubTable:
            swaps |= getattr(getattr(part, "ExtSubTable", part), "mapping", {})
    for mapped in font["cmap"].tables:
        if hasattr(mapped, "cmap"):
            for code in range(ord("0"), ord("9") + 1):
                if mapped.cmap.get(code) in swaps:
                    mapped.cmap[code] = swaps[mapped.cmap[code]]


def _truetype(font: TTFont) -> None:
    """Cubic outlines as quadratic ones, within a thousandth of the em."""
    glyphs, order = font.getGlyphSet(), font.getGlyphOrder()
    drawn = {}
    for name in order:
        pen = TTGlyphPen(glyphs)
        glyphs[name].draw(Cu2QuPen(pen, font["head"].unitsPerEm / 1000, reverse_direction=True))
        drawn[name] = pen.glyph()
    font["loca"], font["glyf"] = newTable("loca"), newTable("glyf")
    font["glyf"].glyphOrder, font["glyf"].glyphs = order, drawn
    maximum = font["maxp"]
    maximum.tableVersion = 0x00010000
    for field in (
        *("maxZones", "maxTwilightPoints", "maxStorage", "maxFunctionDefs", "maxInstructionDefs"),
        *("maxStackElements", "maxSizeOfInstructions", "maxComponentElements"),
    ):
        setattr(maximum, field, 1 if field == "maxZones" else 0)
    for name in ("CFF ", "VORG"):
        if name in font:
            del font[name]
    font["post"].formatType = 3.0
    font.sfntVersion = "\000\001\000\000"


if __name__ == "__main__":
    TO.mkdir(exist_ok=True)
    for weight in WEIGHTS:
        made = f"{NAME.replace(' ', '')}-{weight}.ttf"
        make(Path(sys.argv[1]) / f"Inter-{weight}.otf", TO / made)
