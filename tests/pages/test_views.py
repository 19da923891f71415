"""Two ways into a case: who looks is told in words, who tunes in numbers."""

from __future__ import annotations

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from tests.pages.conftest import address, finished, until

Open = Callable[..., AppTest]
QUICK = {"model": "toy", "attack": "fgsm", "explain": "gradcam"}


def test_who_looks_is_told_in_words_and_who_tunes_in_numbers(app: Open) -> None:
    at = until(
        finished(app("case", **QUICK, view="look")),
        lambda at: any("benign noise" in m.value for m in at.markdown),
    )
    said = " ".join(m.value for m in at.main.markdown)
    assert "not by itself evidence of tampering" in said
    assert not at.table
    assert len(at.code) == 2, "the link and its command line, behind Share"
    assert [e.label for e in at.expander] == ["More settings"]
    assert address(at)["view"] == "look"
    at.session_state["view"] = "tune"
    finished(at.run())
    assert "view" not in address(at)
    assert at.table[0].value.loc[0, "Explainer"] == "Grad-CAM"


def test_an_unknown_view_is_said(app: Open) -> None:
    at = finished(app("case", **QUICK, view="dream"))
    assert "There is no view called 'dream' here" in " ".join(w.value for w in at.warning)
    assert at.table
