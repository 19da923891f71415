"""The report on the case page, as a visitor's script run."""

from __future__ import annotations

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from tests.pages.conftest import followed, until
from tests.pages.test_floor_section import QUICK, said

Open = Callable[..., AppTest]


def test_the_report_is_offered_in_three_forms(app: Open) -> None:
    at = until(followed(app("case", **QUICK)), lambda at: "percentile of 20" in said(at))
    at = until(at, lambda at: "It holds the noise floor and the ε curve" in said(at))
    labels = [button.label for button in at.get("download_button")]
    assert [label for label in labels if label in ("Report as PDF", "as HTML", "as JSON")] == [
        "Report as PDF",
        "as HTML",
        "as JSON",
    ]
    assert any("radar_core report" in code.value for code in at.code)


def test_what_is_missing_is_said_before_one_presses(app: Open) -> None:
    at = app("case", **{**QUICK, "eps": "0"})
    at = until(at, lambda at: "The report of this case" in said(at))
    assert "for not computed so far: the noise floor" in said(at).replace("\\", "")
