"""How alike the maps of the clean and of the attacked image are, explainer by explainer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from radar_core.ui.text import plain, quiet, sentence
from radar_core.view.metric_words import by_role, metric_text, same_map, short

if TYPE_CHECKING:
    from radar_core.case import CaseResult


def metric_table(result: CaseResult) -> None:
    """The metrics up front; all of them, those kept for comparison last, folded away."""
    from radar_core.explainers import EXPLAINERS

    if not (result.scores or result.unexplained):
        return
    st.markdown("###### Consistency of the clean and the attacked map")
    metrics = [each for each in by_role() if any(each[0] in s for s in result.scores.values())]
    first = [each for each in metrics if each[1].role == "headline"] or metrics
    if result.scores:
        _table(result, first)
        st.caption(_equal(first))
    for id, why in result.unexplained.items():
        title: str = EXPLAINERS[id].title
        quiet(f"{plain(short(title))} gave no map: {plain(sentence(why))}")
    if len(first) < len(metrics):
        with st.expander("All metrics", icon=":material/table:"):
            _table(result, metrics)
            st.caption(_equal(metrics))


def _table(result: CaseResult, metrics: list[tuple[str, Any]]) -> None:
    rows = [
        {"Explainer": short(result.explanations[id].title)}
        | {m.title: metric_text(scores[name], m.unit) for name, m in metrics if name in scores}
        for id, scores in result.scores.items()
    ]
    st.table(rows, border="horizontal", alt="Explainers and their metrics")


def _equal(metrics: list[tuple[str, Any]]) -> str:
    """What each metric gives for two equal maps."""
    return " · ".join(plain(f"{m.title}: {same_map(m)}") for _, m in metrics)
