"""Arrays as Plotly figures.

`colours` are those of the theme at hand, one a series; where a figure shows readings, the first two
mean clean and attacked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from radar_core.epsilon import NORM_TITLES, Epsilon

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from radar_core.api.flipping import Flip
    from radar_core.case import CurveResult
    from radar_core.sanity import SanityReport

HEIGHT = 268
QUIET = "#8592a0"  # lines and marks that are not data, on light and on dark ground
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")  # series stay apart without colour
MARKS = ("circle", "square", "diamond", "triangle-up", "x")


def readings_over_epsilon(result: CurveResult, colours: Sequence[str], now: str = "") -> Figure:
    """Probability of the first reading, and of the class it is turned into, at each ε.

    Args:
        now: the ε that is looked at, marked.
    """
    first, aim = result.clean_reading.label, result.spec.towards
    axis = [result.axis[i] for i in result.known]
    after = [result.frames[i].readings_attacked[0] for i in result.known]
    others = [aim or _likeliest_other(dict(r.probabilities), first) for r in after]
    series = {
        f"P({first}), read at first": [r.probabilities[first] for r in after],
        f"P({aim})" if aim else "likeliest other class": [
            r.probabilities[other] for r, other in zip(after, others, strict=True)
        ],
    }
    names = [[first] * len(after), others]
    figure = _figure(axis, series, "Probability", (0.0, 1.0), colours, names=names)
    if result.flip is not None:
        _mark_flip(figure, result.flip)
    _mark_now(figure, result, now)
    return figure


def consistency_over_epsilon(
    result: CurveResult, explainer: str, colours: Sequence[str], now: str = ""
) -> Figure:
    """The headline metrics of one explainer, and SSIM, the map at each ε against the clean one."""
    from radar_core.metrics import METRICS

    # Those up front and the first of the others: more lines than dashes cannot be told apart.
    scores = {
        name: values
        for name, values in result.scores[explainer].items()
        if METRICS[name].role == "headline" or name == "ssim"
    }
    series = {METRICS[name].title: list(values) for name, values in scores.items()}
    finite = [v for values in scores.values() for v in values if math.isfinite(v)]
    low = -1.0 if any(v < 0 for v in finite) else 0.0
    figure = _figure(result.axis, series, "Consistency", (low, 1.0), colours)
    if result.flip is not None:
        _mark_flip(figure, result.flip)
    _mark_now(figure, result, now)
    return figure


def margin_over_iterations(margins: Sequence[float], colours: Sequence[str]) -> Figure:
    """The margin of the image at each iteration of an attack; above zero it reads another class."""
    from plotly.graph_objects import Figure, Scatter

    figure = Figure(
        Scatter(
            x=list(range(1, len(margins) + 1)),
            y=list(margins),
            mode="lines+markers" if len(margins) <= 60 else "lines",
            line=_line(1, colours) | {"dash": "solid"},
            marker={"size": 5},
            hovertemplate="iteration %{x}<br>margin %{y:.2f}<extra></extra>",
        )
    )
    figure.add_hline(y=0, line={"width": 1, "dash": "dot", "color": QUIET})
    finish(figure, "Iteration", "Margin, logits")
    if len(margins) <= 12:
        figure.update_xaxes(dtick=1)
    figure.update_layout(showlegend=False)
    return figure


def success_over_epsilon(
    report: SanityReport, titles: Mapping[str, str], colours: Sequence[str]
) -> Figure:
    """Share of images flipped at each ε, by attack, with 95 % Wilson intervals."""
    from plotly.graph_objects import Figure, Scatter

    from radar_core.epsilon import parse_epsilon

    axis = [parse_epsilon(eps) for eps in report.grid]
    figure = Figure()
    for number, (id, shares) in enumerate(report.success.items()):
        low, high = zip(*(share.interval for share in shares), strict=True)
        values = [share.value for share in shares]
        figure.add_trace(
            Scatter(
                x=[eps.label for eps in axis],
                y=values,
                name=titles[id],
                mode="lines+markers",
                line=_line(number, colours),
                marker={"size": 8, "symbol": MARKS[number % len(MARKS)]},
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": [h - v for h, v in zip(high, values, strict=True)],
                    "arrayminus": [v - w for v, w in zip(values, low, strict=True)],
                    "thickness": 1,
                    "width": 3,
                },
                hovertemplate=f"{titles[id]} at %{{x}}: %{{y:.0%}}<extra></extra>",
            )
        )
    finish(figure, "ε, grey levels of 255", "Share of images flipped")
    figure.update_yaxes(range=(-0.03, 1.05), tickformat=".0%")
    figure.update_layout(height=340)
    return figure


def _likeliest_other(probabilities: dict[str, float], first: str) -> str:
    return max((p, name) for name, p in probabilities.items() if name != first)[1]


def _figure(
    axis: Sequence[Epsilon],
    series: Mapping[str, Sequence[float]],
    title: str,
    bounds: tuple[float, float],
    colours: Sequence[str],
    *,
    names: Sequence[Sequence[str]] = (),
) -> Figure:
    from plotly.graph_objects import Figure, Scatter

    figure = Figure()
    for number, (name, values) in enumerate(series.items()):
        extra = "%{text} " if names else ""
        figure.add_trace(
            Scatter(
                x=[_place(eps) for eps in axis],
                y=list(values),
                name=name,
                text=list(names[number]) if names else None,
                customdata=[eps.label for eps in axis],
                mode="lines+markers",
                line=_line(number, colours),
                marker={"size": 6, "symbol": MARKS[number % len(MARKS)]},
                hovertemplate=f"{name}<br>ε %{{customdata}}: {extra}%{{y:.2f}}<extra></extra>",
            )
        )
    finish(figure, _axis_title(axis[-1]), title)
    room = 0.04 * (bounds[1] - bounds[0])
    figure.update_yaxes(range=(bounds[0] - room, bounds[1] + room))
    if axis[-1].normalised:
        figure.update_xaxes(type="log")
    return figure


def _line(number: int, colours: Sequence[str]) -> dict[str, Any]:
    """Colour and dash of a series."""
    dash = DASHES[number % len(DASHES)]
    return {"dash": dash, "width": 2, "color": colours[number % len(colours)]}


def _place(eps: Epsilon) -> float:
    """Where an ε stands on the axis: in grey levels where it bounds single pixels."""
    return eps.value if eps.normalised or eps.norm == "l2" else eps.value * 255


def _axis_title(eps: Epsilon) -> str:
    if eps.normalised:
        return f"ε, normalised units ({NORM_TITLES[eps.norm]})"
    return "ε, grey levels of 255 (L∞)" if eps.norm == "linf" else "ε, L2 of the whole change"


def _mark_flip(figure: Figure, flip: Flip) -> None:
    if flip.high is None:
        return
    at = _place(flip.high)
    figure.add_vline(x=at, line={"width": 1.5, "dash": "dash", "color": QUIET})
    figure.add_annotation(
        x=math.log10(at) if flip.high.normalised and at > 0 else at,
        y=1.0,
        yref="paper",
        yanchor="bottom",
        xanchor="left",
        text=f"turns at {at:.3g}",
        showarrow=False,
        font={"size": 11},
    )


def _mark_now(figure: Figure, result: CurveResult, now: str) -> None:
    number = result.at(now) if now else None
    if number is not None:
        at, line = _place(result.axis[number]), {"width": 6, "color": QUIET}
        figure.add_vrect(x0=at, x1=at, line=line, opacity=0.3, layer="below")


def finish(figure: Any, x: str, y: str) -> None:
    """Quiet axes, one legend above, no frame."""
    figure.update_layout(
        height=HEIGHT,
        margin={"l": 8, "r": 8, "t": 44, "b": 8},
        legend={"orientation": "h", "y": 1.1, "x": 0, "yanchor": "bottom", "font": {"size": 11}},
        hovermode="closest",
    )
    figure.update_xaxes(title={"text": x, "font": {"size": 12}}, fixedrange=True, zeroline=False)
    figure.update_yaxes(title={"text": y, "font": {"size": 12}}, fixedrange=True, zeroline=False)
