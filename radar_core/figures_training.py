"""The course of a training as Plotly figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from radar_core.figures import DASHES, MARKS, QUIET, finish

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

LOSSES = {"loss": "Training loss", "val_score": "Validation score"}
RATES = {"val_balanced_accuracy": "Balanced accuracy", "val_accuracy": "Accuracy"}


def losses_over_epochs(
    history: Sequence[Mapping[str, float]], colours: Sequence[str], chosen: float | None
) -> Figure:
    """Training loss, and cross-entropy on the validation split at its best temperature.

    Args:
        history: a row an epoch; epoch 0 is the warm-up, which has no loss.
        chosen: the epoch that is kept, marked.
    """
    return _over_epochs(history, LOSSES, "Cross-entropy", colours, chosen)


def rates_over_epochs(
    history: Sequence[Mapping[str, float]], colours: Sequence[str], chosen: float | None
) -> Figure:
    """Accuracy and balanced accuracy on the validation split."""
    figure = _over_epochs(history, RATES, "Share of the validation split", colours, chosen)
    figure.update_yaxes(range=(-0.03, 1.03), tickformat=".0%", dtick=0.25)
    return figure


def _over_epochs(
    history: Sequence[Mapping[str, float]],
    titles: Mapping[str, str],
    title: str,
    colours: Sequence[str],
    chosen: float | None,
) -> Figure:
    from plotly.graph_objects import Figure, Scatter

    figure = Figure()
    for number, (key, name) in enumerate(titles.items()):
        rows = [row for row in history if key in row]
        figure.add_trace(
            Scatter(
                x=[row["epoch"] for row in rows],
                y=[row[key] for row in rows],
                name=name,
                mode="lines+markers" if len(history) <= 60 else "lines",
                line={"color": colours[number], "dash": DASHES[number], "width": 2},
                marker={"size": 6, "symbol": MARKS[number]},
                hovertemplate=f"{name}, epoch %{{x}}: %{{y:.3f}}<extra></extra>",
            )
        )
    finish(figure, "Epoch", title)
    if len(history) <= 12:
        figure.update_xaxes(dtick=1)
    if chosen is not None:
        figure.add_vline(x=chosen, line={"width": 1.5, "dash": "dash", "color": QUIET})
        figure.add_annotation(
            x=chosen,
            y=1.0,
            yref="paper",
            yanchor="bottom",
            xanchor="left",
            text="kept",
            showarrow=False,
            font={"size": 11},
        )
    return figure
