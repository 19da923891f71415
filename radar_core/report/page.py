"""A report as one HTML page that makes no request: styles, pictures and charts lie within it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any

from radar_core.markup import text
from radar_core.report.blocks import (
    Bar,
    Bars,
    Bullets,
    Cell,
    Chart,
    Charts,
    Code,
    Content,
    Facts,
    Grid,
    Outline,
    Paragraph,
    Picture,
    Section,
    Strip,
    Table,
)
from radar_core.report.chart import (
    COLOURS,
    FAINT,
    INK,
    QUIET,
    Mark,
    Stroke,
    Word,
    height_of,
    shapes,
)
from radar_core.report.words import NOT_A_DEVICE

STYLE = """
:root { color-scheme: light dark; --ink: light-dark(#1a1a1a, #e8e8e8);
  --quiet: light-dark(#5a5a5a, #a5a5a5); --line: light-dark(#d4d4d4, #444);
  --clean: light-dark(#0a5c8f, #6cb6e4); --attacked: light-dark(#b04a00, #f0a060);
  --paper: light-dark(#fff, #16181a); }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 60rem; margin: 0 auto; padding: 1.6rem 1.2rem 3rem; overflow-wrap: anywhere; }
header { display: flex; justify-content: space-between; gap: 1rem; padding-bottom: .4rem;
  border-bottom: 2px solid; font-size: .85rem; font-weight: 600; }
header time { font-weight: 400; color: var(--quiet); }
h1 { font-size: 1.75rem; line-height: 1.2; margin: .9rem 0 .1rem; }
h2 { font-size: 1.08rem; margin: 2.2rem 0 .7rem; padding-top: .5rem; border-top: 1px solid; }
p { margin: 0 0 .6rem; max-width: 46rem; } ul { padding-left: 1.2rem; max-width: 46rem; }
.quiet, figcaption { color: var(--quiet); font-size: .8rem; }
.verdict { font-size: 1.3rem; line-height: 1.35; font-weight: 600; margin: .9rem 0; }
.verdict .clean { color: var(--clean); } .verdict .attacked { color: var(--attacked); }
.notice { border-left: 3px solid; padding-left: .7rem; font-weight: 600; }
dl { margin: 0 0 1rem; } dt { color: var(--quiet); } dd { margin: 0; }
.strip { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.6rem, 1fr));
  gap: .2rem 1rem; border-block: 1px solid var(--line); padding: .6rem 0; }
.strip dt, .strip small { font-size: .8rem; color: var(--quiet); }
.strip b { display: block; font-size: 1.35rem; line-height: 1.3; }
.facts { display: grid; grid-template-columns: minmax(8rem, 12rem) 1fr; gap: .15rem 1rem;
  font-size: .82rem; }
.named { grid-template-columns: minmax(7rem, 11rem) 1fr; font-size: .9rem; gap: .4rem 1rem; }
.named dt { color: inherit; font-weight: 600; }
.wide { overflow-x: auto; margin: .6rem 0; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums;
  font-size: .88rem; overflow-wrap: normal; }
th { text-align: left; vertical-align: top; padding: .35rem .9rem .35rem 0; }
thead th { font-weight: 400; color: var(--quiet); font-size: .8rem; vertical-align: bottom; }
thead tr { border-bottom: 1px solid var(--quiet); }
tbody tr { border-bottom: 1px solid var(--line); }
td { vertical-align: top; padding: .35rem .9rem .35rem 0; min-width: 4.5rem; }
td small { display: block; color: var(--quiet); font-size: .76rem; line-height: 1.3; }
tbody th { min-width: 5.4rem; }
.dense td, .dense th { padding-block: .15rem; white-space: nowrap; }
.row { display: grid; grid-template-columns: repeat(var(--n), minmax(0, 1fr)); gap: .7rem;
  margin: .5rem 0 .9rem; padding-left: .7rem; border-left: 3px solid var(--quiet); }
.row.clean { border-color: var(--clean); } .row.attacked { border-color: var(--attacked); }
.row h3 { grid-column: 1 / -1; font-size: .9rem; margin: 0; }
figure { margin: 0; min-width: 0; } .pic { position: relative; }
.pic img, .pic svg { display: block; width: 100%; aspect-ratio: 1; }
.pic img { outline: 1px solid var(--line); } .pic svg { position: absolute; inset: 0; }
.pic path { fill: none; stroke: #000; stroke-width: 1.4; vector-effect: non-scaling-stroke; }
.pic path.edge { stroke: #fff; stroke-width: 3; } .pic path.dash { stroke-dasharray: 5 4; }
figcaption b { color: var(--ink); font-weight: 600; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); gap: 1.4rem;
  max-width: 60rem; } .charts h3 { font-size: .92rem; margin: 0 0 .3rem; }
.charts figure { max-width: 30rem; }
.charts svg { width: 100%; height: auto; display: block; }
.bars td { padding-block: .25rem; } .bars td.bar { width: 55%; }
.bars i { display: block; height: .5rem; min-width: 1px; margin: .16rem 0; }
.bars i.clean { border: 1.5px solid var(--clean); }
.bars i.attacked { background: var(--attacked); }
code { display: block; border: 1px solid var(--line); padding: .5rem .7rem; font-size: .8rem;
  margin: .5rem 0; }
@media (max-width: 40rem) { .row { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .facts, .named { grid-template-columns: 1fr; gap: 0; } .facts dd { margin-bottom: .45rem; } }
@media print { :root { color-scheme: light; } body { font-size: 11px; max-width: none; padding: 0; }
  .row, .charts, tr, dd { break-inside: avoid; } h2 { break-after: avoid; }
  i { print-color-adjust: exact; } }
"""
PAGE = {
    INK: "var(--ink)",
    QUIET: "var(--quiet)",
    FAINT: "var(--line)",
    COLOURS[0]: "var(--clean)",
    COLOURS[1]: "var(--attacked)",
}
# Whatever a name holds, the page loads nothing and runs nothing.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def write_page(content: Content) -> str:
    """The page; whatever the report quotes is escaped."""
    verdict = "".join(
        f"<span class={part.kind}>{text(part.text)}</span>" if part.kind else text(part.text)
        for part in content.verdict
    )
    return "\n".join(
        [
            "<!doctype html><html lang=en><meta charset=utf-8>",
            f'<meta http-equiv=Content-Security-Policy content="{POLICY}">',
            "<meta name=viewport content='width=device-width'>",
            f"<title>RADAR case report: {text(content.title)}</title><style>{STYLE}</style>",
            f"<header>RADAR case report <time>{text(content.made)}</time></header>",
            f"<main><h1>{text(content.title)}</h1>",
            f"<p class=quiet>{' · '.join(map(text, content.tags))}</p>",
            f"<p class=verdict>{verdict}</p><p><b>{NOT_A_DEVICE}</b></p>",
            *map(_block, content.lead),
            *map(_section, content.sections),
            f"<p class=quiet>{NOT_A_DEVICE}</p></main></html>",
            "",
        ]
    )


def _section(section: Section) -> str:
    return (
        f"<section><h2>{text(section.title)}</h2>{''.join(map(_block, section.blocks))}</section>"
    )


def _block(block: Any) -> str:
    return DRAW[type(block)](block)


def _paragraph(block: Paragraph) -> str:
    kind = " class=quiet" if block.quiet else " class=notice" if block.notice else ""
    return f"<p{kind}>{text(block.text)}</p>"


def _bullets(block: Bullets) -> str:
    if block.named:
        return _pairs("facts named", [item.partition(": ")[::2] for item in block.items])
    return f"<ul>{''.join(f'<li>{text(item)}</li>' for item in block.items)}</ul>"


def _facts(block: Facts) -> str:
    return _pairs("facts", block.pairs)


def _pairs(kind: str, pairs: Sequence[tuple[str, str]]) -> str:
    rows = "".join(f"<dt>{text(name)}</dt><dd>{text(value)}</dd>" for name, value in pairs)
    return f"<dl class='{kind}'>{rows}</dl>"


def _strip(block: Strip) -> str:
    cells = "".join(
        f"<div><dt>{text(f.title)}</dt><dd><b>{text(f.value)}</b>"
        f"<small>{text(f.note)}</small></dd></div>"
        for f in block.figures
    )
    return f"<dl class=strip>{cells}</dl>"


def _table(block: Table) -> str:
    head = "".join(f"<th scope=col>{text(title)}</th>" for title in block.head)
    rows = "".join(
        f"<tr><th scope=row>{text(row[0].value)}</th>{''.join(map(_cell, row[1:]))}</tr>"
        for row in block.rows
    )
    kind = " class=dense" if block.dense else ""
    return (
        f"<div class=wide tabindex=0 role=region aria-label='{text(block.alt)}'><table{kind}>"
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _cell(cell: Cell) -> str:
    note = f"<small>{text(cell.note)}</small>" if cell.note else ""
    return f"<td>{text(cell.value)}{note}</td>"


def _code(block: Code) -> str:
    return f"<code>{text(block.text)}</code>"


def _grid(block: Grid) -> str:
    rows = []
    for name, pictures in block.rows:
        kind = name.lower() if name in ("Clean", "Attacked") else ""
        cells = "".join(map(_picture, block.columns, pictures))
        rows.append(
            f"<div class='row {kind}' style='--n: {max(3, len(block.columns))}'>"
            f"<h3>{text(name)}</h3>{cells}</div>"
        )
    return "".join(rows)


def _picture(column: str, picture: Picture) -> str:
    data = base64.b64encode(picture.png).decode()
    said = " · ".join(text(caption) for caption in picture.captions if caption)
    lines = "".join(map(_outline, picture.outlines))
    over = f"<svg viewBox='0 0 1 1' aria-hidden=true>{lines}</svg>" if lines else ""
    return (
        f"<figure><div class=pic><img alt='{text(picture.name)}' "
        f"src='data:image/png;base64,{data}'>{over}</div>"
        f"<figcaption><b>{text(column)}</b> {said}</figcaption></figure>"
    )


def _outline(line: Outline) -> str:
    way = "M" + "L".join(f"{x:g} {y:g}" for x, y in line.points)
    kind = " class=dash" if line.dashed else ""
    return f"<path class=edge d='{way}'/><path{kind} d='{way}'/>"


def _charts(block: Charts) -> str:
    return f"<div class=charts>{''.join(map(_chart, block.charts))}</div>"


def _chart(chart: Chart) -> str:
    width, height = 84.0, height_of(chart)
    drawn = "".join(_shape(shape) for shape in shapes(chart, width))
    return (
        f"<figure><h3>{text(chart.title)}</h3><svg role=img aria-label='{text(chart.alt)}' "
        f"viewBox='0 0 {width:g} {height:g}' font-size=2.6>{drawn}</svg></figure>"
    )


def _colour(colour: str) -> str:
    """The colours of paper as the page has them, light or dark."""
    return PAGE.get(colour, colour)


def _shape(shape: Stroke | Mark | Word) -> str:
    colour = _colour(shape.colour)
    if isinstance(shape, Stroke):
        way = "M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in shape.points)
        dash = f" stroke-dasharray='{' '.join(f'{d:g}' for d in shape.dash)}'" if shape.dash else ""
        return (
            f"<path d='{way}' fill=none style='stroke: {colour}' stroke-width={shape.width:g}"
            f"{dash} />"
        )
    x, y = shape.at
    if isinstance(shape, Word):
        return (
            f"<text x={x:.2f} y={y:.2f} text-anchor={shape.anchor} style='fill: {colour}'>"
            f"{text(shape.text)}</text>"
        )
    r = shape.size
    if shape.kind in ("dot", "ring"):
        fill = "var(--paper)" if shape.kind == "ring" else colour
        return (
            f"<circle cx={x:.2f} cy={y:.2f} r={r:g} stroke-width=.3 "
            f"style='stroke: {colour}; fill: {fill}' />"
        )
    way = {
        "square": f"M{x - r:.2f} {y - r:.2f}h{2 * r:g}v{2 * r:g}h{-2 * r:g}z",
        "diamond": f"M{x:.2f} {y - r:.2f}l{r:g} {r:g}l{-r:g} {r:g}l{-r:g} {-r:g}z",
        "cross": f"M{x - r:.2f} {y - r:.2f}l{2 * r:g} {2 * r:g}m0 {-2 * r:g}l{-2 * r:g} {2 * r:g}",
    }[shape.kind]
    return f"<path d='{way}' stroke-width=.3 style='stroke: {colour}; fill: {colour}' />"


def _bars(block: Bars) -> str:
    rows = "".join(map(_bar, block.rows))
    return (
        "<div class=wide><table class=bars><thead><tr>"
        f"<th scope=col>{text(block.title)}</th>"
        "<th scope=col>empty bar: clean, full bar: attacked</th>"
        f"<th scope=col>clean</th><th scope=col>attacked</th></tr></thead><tbody>{rows}</tbody>"
        "</table></div>"
    )


def _bar(bar: Bar) -> str:
    mark = f" ({text(bar.mark)})" if bar.mark else ""
    lines = f"<i class=clean style='width: {100 * bar.clean[0]:.2f}%'></i>"
    said = "—"
    if bar.attacked is not None:
        lines += f"<i class=attacked style='width: {100 * bar.attacked[0]:.2f}%'></i>"
        said = text(bar.attacked[1])
    return (
        f"<tr><th scope=row>{text(bar.label)}{mark}</th><td class=bar>{lines}</td>"
        f"<td>{text(bar.clean[1])}</td><td>{said}</td></tr>"
    )


DRAW: dict[type[Any], Callable[[Any], str]] = {
    Paragraph: _paragraph,
    Bullets: _bullets,
    Facts: _facts,
    Strip: _strip,
    Table: _table,
    Code: _code,
    Grid: _grid,
    Charts: _charts,
    Bars: _bars,
}
