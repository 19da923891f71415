"""What the reports that are one HTML page share: their style, escaped text, tables, a chart."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

STYLE = """
:root { color-scheme: light dark; --line: #8884;
  --quiet: color-mix(in srgb, currentColor 65%, transparent); }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
p, li { max-width: 48rem; } .quiet { color: var(--quiet); font-size: .88rem; }
.wide { overflow-x: auto; } code { overflow-wrap: anywhere; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem .3rem 0; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; } td.heat { padding: .3rem .6rem; }
td small { display: block; color: var(--quiet); }
svg { max-width: 100%; height: auto; font: 11px system-ui, sans-serif; fill: currentColor; }
svg .line { fill: none; stroke-width: 2; } svg .axis { fill: none; stroke: var(--line); }
@media print { body { font-size: 11px; } }
"""
# Okabe and Ito's, which keep apart for the colour-blind on white and on black.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7a7a7a")
DASHES = ("", "6 3", "2 3", "8 3 2 3", "10 4")
PLOT, EDGE = 300, 40  # side of a chart's square, and the room for its words

Line = Sequence[tuple[float, float]]


def text(value: object) -> str:
    """A value as HTML shows it, whatever it holds."""
    return html.escape(str(value))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells that are HTML already: `head` without its tags, `rows` with them."""
    top = "".join(f"<th scope=col>{cell}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return (
        f"<div class=wide><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def cell(value: str, small: str = "", share: float | None = None) -> str:
    """A cell, with a line in small type, and shaded by a share of 1."""
    style = ""
    if share is not None:
        part = round(70 * min(max(share, 0), 1))
        style = f" class=heat style='background: color-mix(in srgb, #0072b2 {part}%, transparent)'"
    return f"<td{style}>{value}{f'<small>{small}</small>' if small else ''}</td>"


def unit_chart(
    label: str, x: str, y: str, lines: Mapping[str, Line], *, points: bool = False
) -> str:
    """A square chart of lines from (0, 0) to (1, 1) with its diagonal and legend, as SVG.

    Args:
        label: what a reader of the screen says in the chart's place.
        lines: name → points, both coordinates in [0, 1].
        points: mark each point.
    """
    width, height = PLOT + EDGE + 160, PLOT + EDGE + 8
    parts = [
        f"<svg role=img aria-label='{text(label)}' viewBox='0 0 {width} {height}' width={width}>",
        f"<rect class=axis x={EDGE} y=4 width={PLOT} height={PLOT} />",
        f"<path class=axis d='M{EDGE} {PLOT + 4}L{EDGE + PLOT} 4' />",
    ]
    for mark in (0.0, 0.5, 1.0):
        right, down = _at(mark, 0)[0], _at(0, mark)[1]
        parts.append(f"<text x={right} y={PLOT + 18} text-anchor=middle>{mark:g}</text>")
        parts.append(f"<text x={EDGE - 6} y={down + 4} text-anchor=end>{mark:g}</text>")
    middle = EDGE + PLOT / 2
    parts.append(f"<text x={middle} y={PLOT + 34} text-anchor=middle>{text(x)}</text>")
    turn = f"rotate(-90 12 {PLOT / 2})"
    parts.append(f"<text x=12 y={PLOT / 2} text-anchor=middle transform='{turn}'>{text(y)}</text>")
    for number, (name, line) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        look = f"stroke='{colour}' stroke-dasharray='{DASHES[number % len(DASHES)]}'"
        way = "L".join(f"{a:.1f} {b:.1f}" for a, b in (_at(*point) for point in line))
        parts.append(f"<path class=line {look} d='M{way}' />")
        if points:
            parts += [
                f"<circle r=3.5 fill='{colour}' cx={a:.1f} cy={b:.1f} />"
                for a, b in (_at(*point) for point in line)
            ]
        left, top = EDGE + PLOT + 12, 14 + 18 * number
        parts.append(f"<path class=line {look} d='M{left} {top}h24' />")
        parts.append(f"<text x={left + 30} y={top + 4}>{text(name)}</text>")
    return "".join([*parts, "</svg>"])


def _at(x: float, y: float) -> tuple[float, float]:
    return EDGE + PLOT * x, 4 + PLOT * (1 - y)
