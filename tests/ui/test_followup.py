"""Which explainers a section below the panels covers, from one case to the next."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def page() -> None:
    """A section whose explainers may take 4 s; `costs` are those of the case."""
    from types import SimpleNamespace
    from typing import Any

    import streamlit as st

    from radar_core.ui.followup import FollowUp

    costs = st.session_state["costs"]
    explained = {id: SimpleNamespace(title=id, seconds=cost) for id, cost in costs.items()}
    result: Any = SimpleNamespace(explanations=explained)
    after = FollowUp("part", "Maps", 2, 4.0)
    after.choose(result)
    st.text(",".join(after.chosen(result)))


def case(at: AppTest, **costs: float) -> list[str]:
    """What is covered of a case whose explainers take so many seconds."""
    at.session_state["costs"] = costs
    at.run()
    assert not at.exception
    return list(filter(None, at.text[0].value.split(",")))


def test_what_one_case_lacked_the_next_one_covers() -> None:
    at = AppTest.from_function(page)
    assert case(at, gradcam=1) == ["gradcam"]
    assert case(at, saliency=1, lime=9) == ["saliency"]
    assert case(at, gradcam=1, saliency=1, lime=3) == ["gradcam", "saliency", "lime"]


def test_what_was_added_or_taken_off_stays_so() -> None:
    at = AppTest.from_function(page)
    case(at, gradcam=1, saliency=1, lime=9)
    at.pills[0].set_value(["saliency", "lime"]).run()
    assert at.text[0].value == "saliency,lime"
    assert case(at, gradcam=1, rise=1) == ["rise"]
    assert case(at, gradcam=1, saliency=1, lime=9) == ["saliency", "lime"]
    at.pills[0].set_value(["gradcam", "saliency"]).run()
    assert case(at, gradcam=1, saliency=1, lime=9) == ["gradcam", "saliency"]
