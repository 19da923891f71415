"""The methods page's lists, drawn from the registries."""

from __future__ import annotations

from typing import Any

import streamlit as st

from radar_core.epsilon import NORM_TITLES
from radar_core.ui.text import plain
from radar_core.view.metric_words import same_map


def method_list() -> None:
    """All methods and models, each with what it says of itself."""
    from radar_core.attacks import ATTACKS
    from radar_core.defences import DEFENCES
    from radar_core.detection import DETECTORS
    from radar_core.explainers import EXPLAINERS
    from radar_core.localisation import LOCALISATION
    from radar_core.metrics import METRICS
    from radar_core.models.store import list_models

    kinds: list[tuple[str, Any]] = [
        ("Attacks and benign controls", ATTACKS),
        ("Explainers", EXPLAINERS),
        ("Consistency of two maps", METRICS),
        ("Attribution against a mask", LOCALISATION),
        ("Screening scores", DETECTORS),
        ("Defences", DEFENCES),
    ]
    for heading, registry in kinds:
        st.subheader(heading, anchor=False, divider="gray")
        for method in registry.describe():
            title, text = st.columns([1, 3], gap="medium")
            title.markdown(f"**{plain(method['title'])}**  \n:small[`{method['id']}`]")
            with text:
                st.markdown(f"{plain(method['about'])}  \n:small[:gray[{plain(method['source'])}]]")
                if registry is METRICS:
                    st.markdown(f":small[{plain(_metric(METRICS[method['id']]))}]")
                if registry is ATTACKS:
                    st.markdown(f":small[{plain(_kind(ATTACKS[method['id']]))}]")
                if method["parameters"]:
                    st.table(_parameters(method["parameters"]), border="horizontal")
    st.subheader("Models", anchor=False, divider="gray")
    models = list_models()
    if not models:
        st.markdown("None yet: `python -m radar_core train --help` says how to make one.")
    for info in models:
        card = info.card
        title, text = st.columns([1, 3], gap="medium")
        title.markdown(f"**{plain(info.title)}**  \n:small[`{plain(info.name)}`]")
        said = [
            f"{plain(str(card['architecture']))}, {card['input_size']} px",
            f"classes {plain(', '.join(card['class_names']))}",
            f"trained on {plain(str(card.get('trained_on', 'what its card does not say')))}",
        ]
        if card.get("licence"):
            said.append(f"licence {plain(str(card['licence']))}")
        text.markdown(", ".join(said))
        _figures(text, card.get("figures", {}).get("test", {}))


def _metric(metric: Any) -> str:
    """What equal maps have, and whether the metric is shown for comparison alone."""
    kept = "; kept for comparison with the paper" if metric.role == "paper" else ""
    return f"{same_map(metric)}{kept}"


def _kind(attack: Any) -> str:
    """What family an attack is of, and how it takes its place on an ε axis."""
    placing = {
        "budget": f"stays within ε ({NORM_TITLES[attack.norm]})",
        "distance": f"seeks the nearest example ({NORM_TITLES[attack.norm]}); no ε is given to it",
        "own": "its strength is a parameter of its own; it has no ε",
    }[attack.placing]
    family = (
        "No attack: a benign control" if attack.family == "benign" else attack.family.capitalize()
    )
    aims = ", can be told which class to reach" if attack.targetable else ""
    return f"{family}; {placing}{aims}."


def _parameters(parameters: dict[str, dict[str, Any]]) -> list[dict[str, str]]:
    return [
        {
            "Parameter": plain(control["title"]),
            "Name": f"`{name}`",
            "Default": plain(f"{control['default']} {control['unit']}".strip()),
            "Range": plain(", ".join(control["options"]))
            or (f"{control['low']:g} to {control['high']:g}" if control["low"] is not None else ""),
        }
        for name, control in parameters.items()
    ]


def _figures(place: Any, figures: dict[str, Any]) -> None:
    """Held-out figures of a card, those that are single numbers."""
    said = [
        f"{plain(name.replace('_', ' '))} {figure['value']:.3f}"
        for name, figure in figures.items()
        if isinstance(figure, dict) and isinstance(figure.get("value"), float)
    ]
    if said:
        place.caption("Held-out test: " + ", ".join(said))
