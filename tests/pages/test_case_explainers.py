"""Explainers and metrics on the case page: their parameters, costs, failures and tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from streamlit.testing.v1 import AppTest

from radar_core.explainers import EXPLAINERS
from radar_core.view.metric_words import ROLES, by_role
from tests.pages.conftest import address, finished, followed

Open = Callable[..., AppTest]
QUICK = {"model": "toy", "attack": "fgsm", "explain": "gradcam"}


def pills(at: AppTest, key: str) -> Any:
    """A row of pills."""
    return next(group for group in at.get("pills") if group.key == key)


def test_explainers_have_parameters_of_their_own(app: Open) -> None:
    query = {**QUICK, "explain": "gradcam,lime", "lime.samples": "40"}
    at = app("case", **query)
    assert at.number_input(key="lime.samples").value == 40
    at.number_input(key="lime.superpixels").set_value(12).run()
    assert address(at)["lime.samples"] == "40"
    assert address(at)["lime.superpixels"] == "12"
    assert any("About 82 passes" in m.value for m in at.markdown)
    at = finished(at)
    command = at.code[-1].value
    assert "--explain-param lime.samples=40 --explain-param lime.superpixels=12" in command
    other = finished(app("case", **address(at)))
    assert other.code[-1].value == command
    pills(at, "explain").set_value(["gradcam"]).run()
    assert not [key for key in address(at) if key.startswith("lime.")]
    assert not [n for n in at.number_input if n.key == "lime.samples"]
    assert "--explain-param" not in finished(at).code[-1].value


def test_a_parameter_that_cannot_be_is_one_sentence(app: Open) -> None:
    at = app("case", **{**QUICK, "explain": "lime", "lime.samples": "many"})
    assert [w.value for w in at.warning if "is a number, not" in w.value]
    assert at.number_input(key="lime.samples").value == EXPLAINERS.create("lime").samples
    at.button(key="cancel").click().run()


def test_what_a_new_link_does_not_name_is_at_its_default(app: Open) -> None:
    at = app("case", **{**QUICK, "attack": "pgd", "pgd.steps": "3"})
    del at.query_params["pgd.steps"]
    at.run()
    assert not at.exception
    assert at.number_input(key="pgd.steps").value != 3
    assert "pgd.steps" not in address(at)


def test_an_explainer_that_does_not_fit_leaves_the_others(app: Open) -> None:
    at = followed(app("case", model="unlayered", attack="fgsm", explain="gradcam,saliency"))
    assert list(at.table[0].value["Explainer"]) == ["Saliency"]
    assert any("gave no map" in m.value for m in at.markdown)
    assert pills(at, "curve.explain").options == ["Saliency"]
    assert not at.error


def test_all_metrics_are_folded_away_those_of_the_paper_last(app: Open) -> None:
    at = finished(app("case", **QUICK))
    titles = {role: [m.title for _, m in by_role() if m.role == role] for role in ROLES}
    assert list(at.table[0].value.columns) == ["Explainer", *titles["headline"]]
    every = next(e for e in at.expander if e.label == "All metrics").table[0].value
    assert list(every.columns) == ["Explainer", *(t for role in ROLES for t in titles[role])]
