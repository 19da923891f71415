"""Tables of an experiment as Plotly figures: success against ε, AUROCs, medians, confusions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from radar_core.figures import DASHES, MARKS, QUIET, finish
from radar_core.figures_evaluation import counts, ink

if TYPE_CHECKING:
    from pandas import DataFrame
    from plotly.graph_objects import Figure

TALL = 330
A_ROW = 38
MOST_INTERVALS = 4  # columns: of more, the intervals no longer fit into their cells
AXES = {
    "linf": "ε, grey levels of 255 (L∞)",
    "l2": "ε, L2 of the whole change",
    "normalised": "ε, normalised units",
}


def success(
    curves: DataFrame, unit: str, colours: Sequence[str], titles: Mapping[str, str]
) -> Figure:
    """Share of images turned against ε, an attack a line, with bands of 95 % intervals.

    Args:
        curves: of one model; columns `attack`, `radius`, `success`, `low`, `high`, `of`.
        unit: `linf`, `l2` or `normalised`: what `radius` is measured in.
        titles: attack → what people call it.
    """
    from plotly.graph_objects import Figure, Scatter

    figure = Figure()
    order = {attack: number for number, attack in enumerate(titles)}
    scale = 255.0 if unit == "linf" else 1.0
    for attack, group in curves.groupby("attack", sort=False, observed=True):
        number, title = order[str(attack)], titles[str(attack)]
        colour = colours[number % len(colours)]
        at = [scale * radius for radius in group.radius]
        figure.add_trace(
            Scatter(
                x=[*at, *reversed(at)],
                y=[*group.high, *reversed(list(group.low))],
                mode="lines",
                fill="toself",
                fillcolor=_faint(colour),
                line={"width": 0},
                hoverinfo="skip",
                showlegend=False,
                legendgroup=title,
            )
        )
        figure.add_trace(
            Scatter(
                x=at,
                y=list(group.success),
                name=title,
                legendgroup=title,
                customdata=[
                    [f"{100 * low:.0f} to {100 * high:.0f} %", int(of)]
                    for low, high, of in zip(group.low, group.high, group.of, strict=True)
                ],
                mode="lines+markers" if len(at) <= 24 else "lines",
                line={"color": colour, "width": 2, "dash": DASHES[number % len(DASHES)]},
                marker={"size": 7, "symbol": MARKS[number % len(MARKS)]},
                hovertemplate=f"{title} at %{{x:.3g}}: %{{y:.0%}} (%{{customdata[0]}}) of "
                "%{customdata[1]} images<extra></extra>",
            )
        )
    finish(figure, AXES[unit], "Share of images turned")
    figure.update_yaxes(range=(-0.03, 1.05), tickformat=".0%", dtick=0.25)
    if unit == "normalised":
        figure.update_xaxes(type="log")
    figure.update_layout(height=TALL)
    return figure


def aurocs(
    table: DataFrame, rows: Mapping[tuple[str, str], str], columns: Mapping[str, str], **look: Any
) -> Figure:
    """How well each explainer tells each attack from benign noise: a heat map with its numbers.

    Args:
        table: of one model and metric; columns `explainer`, `attack`, `eps`, `auroc`, `auroc_low`,
            `auroc_high`, `images`.
        rows: (attack, ε) → their name, in order. columns: explainer → its name.
        look: `ground`, the page's colour, of 0.5: no better than chance; `colours`.
    """
    from plotly.graph_objects import Figure, Heatmap

    ground, colours = look["ground"], look["colours"]
    found = {(r.explainer, r.attack, r.eps): r for r in table.itertuples()}
    cells = [[_defined(found.get((name, *frame))) for name in columns] for frame in rows]
    values = [[None if cell is None else float(cell.auroc) for cell in line] for line in cells]
    figure = Figure(
        Heatmap(
            z=values,
            x=list(columns.values()),
            y=list(rows.values()),
            customdata=[[_auroc_said(cell) for cell in line] for line in cells],
            colorscale=[[0, colours[1]], [0.5, ground], [1, colours[0]]],
            zmin=0,
            zmax=1,
            xgap=2,
            ygap=2,
            showscale=False,
            hoverongaps=False,
            hovertemplate="%{y}, %{x}: %{customdata}<extra></extra>",
        )
    )
    finish(figure, "", "")
    for at, line in zip(rows.values(), cells, strict=True):
        for name, cell in zip(columns.values(), line, strict=True):
            value = 0.5 if cell is None else float(cell.auroc)
            text = "–"
            if cell is not None:
                text = f"{value:.2f}"
                if len(columns) <= MOST_INTERVALS:
                    text += f" <sup>{cell.auroc_low:.2f} to {cell.auroc_high:.2f}</sup>"
            colour = ink(ground, colours[0] if value >= 0.5 else colours[1], 2 * abs(value - 0.5))
            look_of_text = {"size": 12, "color": colour}
            figure.add_annotation(x=name, y=at, text=text, showarrow=False, font=look_of_text)
    figure.update_xaxes(type="category", side="top", showgrid=False, automargin=True)
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False, automargin=True)
    figure.update_layout(
        height=60 + A_ROW * len(rows), margin={"l": 8, "r": 8, "t": 8, "b": 8}, plot_bgcolor=ground
    )
    return figure


def _defined(row: Any) -> Any:
    """A row whose AUROC is a number, else None."""
    return row if row is not None and math.isfinite(row.auroc) else None


def _auroc_said(row: Any) -> str:
    if row is None:
        return "not defined"
    return f"{row.auroc:.2f} ({row.auroc_low:.2f} to {row.auroc_high:.2f}) of {row.images} images"


def medians(table: DataFrame, eps: Mapping[str, str], title: str, colours: Sequence[str]) -> Figure:
    """A metric's median at each ε with its quartiles: attacked images beside benign noise.

    Args:
        table: of one model, metric, explainer and attack, a row an ε; columns `eps`, `attacked` and
            `control` with `_low` and `_high` beside, `repeat`.
        eps: ε → its label, in order. title: of the metric.
    """
    from plotly.graph_objects import Figure, Scatter

    figure = Figure()
    by_eps = {str(row.eps): row for row in table.itertuples()}
    there = [each for each in eps if each in by_eps]
    looks = {
        "attacked": ("Attacked", colours[1], "diamond", 0.0),
        "control": ("Benign noise of that size", QUIET, "circle", 0.12),
    }
    for name, (words, colour, symbol, aside) in looks.items():
        rows = [(n, by_eps[each]) for n, each in enumerate(there)]
        middle = [float(getattr(row, name)) for _, row in rows]
        figure.add_trace(
            Scatter(
                x=[number + aside for number, _ in rows],
                y=middle,
                name=words,
                mode="lines+markers",
                line={"color": colour, "width": 2, "dash": "solid" if not aside else "dot"},
                marker={"size": 9, "symbol": symbol},
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": [getattr(r, f"{name}_high") - getattr(r, name) for _, r in rows],
                    "arrayminus": [getattr(r, name) - getattr(r, f"{name}_low") for _, r in rows],
                    "thickness": 1,
                    "width": 4,
                },
                customdata=[eps[each] for each in there],
                hovertemplate=f"{words}, ε %{{customdata}}: %{{y:.2f}}<extra></extra>",
            )
        )
    again = [float(by_eps[each].repeat) for each in there if math.isfinite(by_eps[each].repeat)]
    if again:
        figure.add_hline(
            y=again[0],
            line={"width": 1, "dash": "dash", "color": QUIET},
            annotation={"text": "clean, another seed", "font": {"size": 11}},
        )
    finish(figure, "ε", title)
    figure.update_xaxes(
        tickvals=list(range(len(there))),
        ticktext=[eps[each] for each in there],
        range=(-0.5, max(len(there), 1) - 0.5),
    )
    figure.update_layout(height=TALL)
    return figure


def readings(found: DataFrame, ground: str, colour: str) -> Figure:
    """Counts of the first reading (rows) against the reading after the attack (columns).

    Args:
        found: what `summary.confusion` gives. ground: the page's colour, of a share of nothing.
            colour: of a whole row.
    """
    figure = counts(
        [str(name) for name in found.index],
        found.to_numpy().tolist(),
        ("Read first", "Read after the attack", "%{y}, then %{x}"),
        (ground, colour),
    )
    figure.update_layout(height=400)
    return figure


def _faint(colour: str) -> str:
    """A colour of which the ground shines through."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.16)"
