"""What an explainer costs, in words, and whose parameter is whose."""

from __future__ import annotations

from radar_core.attacks import ATTACKS
from radar_core.explainers import EXPLAINERS
from radar_core.ui.method_controls import costs, total

OWN_KEYS = {"case", "curve", "eps", "film", "link", "settings"}  # of the page's own state


def test_a_parameter_belongs_to_one_method() -> None:
    assert not set(ATTACKS) & set(EXPLAINERS)
    assert not OWN_KEYS & {*ATTACKS, *EXPLAINERS}
    assert not [id for id in (*ATTACKS, *EXPLAINERS) if "." in id]


def test_every_explainer_says_what_it_costs() -> None:
    said = costs(list(EXPLAINERS))
    assert said.count(", ") == len(EXPLAINERS) - 1
    assert f", LIME {EXPLAINERS.create('lime').cost.forward}" in said
    assert said.index("Saliency 1,") < said.index("LIME")


def test_the_cost_follows_the_parameters() -> None:
    assert total((), {}) == ""
    assert total(("saliency",), {}) == "2 passes of the model for the maps of both images."
    both = total(("saliency", "lime"), {"lime.samples": 40, "shap.samples": 8})
    assert both == "About 82 passes of the model for the maps of both images."
