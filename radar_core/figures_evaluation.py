"""An evaluation as Plotly figures: what is read as what, ROC curves, reliability."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from radar_core.figures import DASHES, QUIET, finish

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from radar_core.evaluation import Evaluation

TALL = 400
MOST_WORDS = 12  # classes: of more, the counts no longer fit into their cells


def confusions(found: Evaluation, ground: str, colour: str) -> Figure:
    """Counts of true class (rows) and class read (columns), shaded by the share of the row.

    Args:
        ground: the page's colour, of a share of nothing.
        colour: of a whole row.
    """
    figure = counts(
        list(found.per_class),
        found.confusion.tolist(),
        ("True class", "Class read", "%{y} read as %{x}"),
        (ground, colour),
        shares=True,
    )
    figure.update_layout(height=TALL)
    return figure


def counts(
    labels: Sequence[str],
    numbers: Sequence[Sequence[int]],
    words: tuple[str, str, str],
    colours: tuple[str, str],
    *,
    shares: bool = False,
) -> Figure:
    """A square of counts, each shaded by its share of the row, with its number where there is room.

    Args:
        labels: of rows and columns alike. words: what rows are, what columns are, and what a cell
            says of `%{y}`, its row, and `%{x}`.
        colours: of a share of nothing, and of a whole row.
        shares: whether the share stands below the number.
    """
    from plotly.graph_objects import Figure, Heatmap

    down, across, said = words
    parts = [[n / sum(row) if sum(row) else 0.0 for n in row] for row in numbers]
    figure = Figure(
        Heatmap(
            z=parts,
            x=list(labels),
            y=list(labels),
            customdata=numbers,
            colorscale=[[0, colours[0]], [1, colours[1]]],
            zmin=0,
            zmax=1,
            xgap=1,
            ygap=1,
            showscale=False,
            hovertemplate=f"{said}: %{{customdata}} (%{{z:.0%}})<extra></extra>",
        )
    )
    finish(figure, across, down)
    if len(labels) <= MOST_WORDS:
        for label, row, part in zip(labels, numbers, parts, strict=True):
            for other, count, share in zip(labels, row, part, strict=True):
                if count:
                    figure.add_annotation(
                        x=other,
                        y=label,
                        text=f"{count}<br>{share:.0%}" if shares else f"{count}",
                        showarrow=False,
                        font={"size": 12, "color": ink(*colours, share)},
                    )
    figure.update_xaxes(type="category", side="bottom", showgrid=False)
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False)
    figure.update_layout(margin={"l": 8, "r": 8, "t": 12, "b": 8})
    return figure


def roc(found: Evaluation, colours: Sequence[str]) -> Figure:
    """The ROC curve of each class against the rest, and the line of chance."""
    from plotly.graph_objects import Figure, Scatter

    from radar_core.evaluation.curves import roc_curves

    figure = Figure()
    for number, (label, points) in enumerate(roc_curves(found.predictions).items()):
        false, true = zip(*points, strict=True)
        area = found.per_class[label].figures["auc"].value
        figure.add_trace(
            Scatter(
                x=false,
                y=true,
                name=f"{label} {area:.3f}",
                mode="lines",
                line={
                    "color": colours[number % len(colours)],
                    "dash": DASHES[number % len(DASHES)],
                    "width": 2,
                },
                hovertemplate=f"{label}<br>false %{{x:.1%}}, true %{{y:.1%}}<extra></extra>",
            )
        )
    _diagonal(figure)
    finish(figure, "False positive rate", "True positive rate")
    for axis in (figure.update_xaxes, figure.update_yaxes):
        axis(range=(-0.02, 1.02), tickformat=".0%", dtick=0.25)
    figure.update_layout(height=TALL, legend={"font": {"size": 12}})
    return figure


def reliability(found: Evaluation, colours: Sequence[str]) -> Figure:
    """Share read right in each bin of confidence with its interval, and how many images it has.

    Guo et al. 2017, figure 1: a calibrated model lies on the diagonal.
    """
    from plotly.graph_objects import Bar, Scatter
    from plotly.subplots import make_subplots

    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, row_heights=[0.72, 0.28], vertical_spacing=0.06
    )
    used = [b for b in found.bins if b.right.of]
    ends = [b.right.interval for b in used]
    figure.add_trace(
        Scatter(
            x=[b.confidence for b in used],
            y=[b.right.value for b in used],
            customdata=[b.right.of for b in used],
            mode="lines+markers",
            line={"color": colours[0], "width": 2},
            marker={"size": 7},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [high - b.right.value for b, (_, high) in zip(used, ends, strict=True)],
                "arrayminus": [b.right.value - low for b, (low, _) in zip(used, ends, strict=True)],
                "thickness": 1,
                "width": 3,
            },
            hovertemplate="probability %{x:.0%}: %{y:.0%} of %{customdata} right<extra></extra>",
        ),
        row=1,
        col=1,
    )
    figure.add_trace(
        Bar(
            x=[(b.low + b.high) / 2 for b in found.bins],
            y=[b.right.of for b in found.bins],
            width=[(b.high - b.low) * 0.92 for b in found.bins],
            marker={"color": colours[0]},
            hovertemplate="%{y} images<extra></extra>",
        ),
        row=2,
        col=1,
    )
    _diagonal(figure, row=1, col=1)
    finish(figure, "", "")
    figure.update_xaxes(range=(-0.02, 1.02), tickformat=".0%", dtick=0.25)
    title = {"text": "Winning probability", "font": {"size": 12}}
    figure.update_xaxes(title=title, row=2, col=1)
    for row, text in ((1, "Share read right"), (2, "Images")):
        figure.update_yaxes(title={"text": text, "font": {"size": 12}}, row=row, col=1)
    figure.update_yaxes(range=(-0.02, 1.04), tickformat=".0%", dtick=0.25, row=1, col=1)
    figure.update_yaxes(nticks=4, row=2, col=1)
    figure.update_layout(
        height=TALL, showlegend=False, margin={"l": 8, "r": 8, "t": 12, "b": 8}, bargap=0
    )
    return figure


def ink(ground: str, colour: str, share: float) -> str:
    """Black or white, whichever can be read better on that share of a colour (WCAG 2.2)."""
    light = 0.0
    for at, weight in ((1, 0.2126), (3, 0.7152), (5, 0.0722)):
        low, high = int(ground[at : at + 2], 16), int(colour[at : at + 2], 16)
        value = (low + share * (high - low)) / 255
        light += weight * (value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4)
    return "#000000" if (light + 0.05) / 0.05 > 1.05 / (light + 0.05) else "#FFFFFF"


def _diagonal(figure: Figure, **where: int) -> None:
    line = {"dash": "dot", "width": 1, "color": QUIET}
    figure.add_shape(type="line", x0=0, y0=0, x1=1, y1=1, line=line, layer="below", **where)
