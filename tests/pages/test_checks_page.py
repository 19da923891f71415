"""The page of the sanity lights: run, watch, stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from radar_core.sanity import Light, SanityReport, Share
from radar_core.ui import sanity_body
from tests.pages.conftest import until

Open = Callable[..., AppTest]


def report(*, done: bool = True) -> SanityReport:
    rows = {"fgsm": (3, 7), "pgd": (5, 8), "sign_noise": (0, 1)}
    found = SanityReport(
        "phantom",
        "toy",
        ("4/255", "64/255"),
        Share(8, 16),
        {id: tuple(Share(hits, 8) for hits in row) for id, row in rows.items()},
        lights=(
            Light("rises", "Success rises with ε", "good", "PGD's success goes up."),
            Light("noise", "Random noise does far worse", "bad", "It does not."),
        ),
    )
    return found if done else replace(found, lights=())


def said(words: str) -> Callable[[AppTest], bool]:
    return lambda at: any(words in m.value for m in at.markdown)


def test_lights_chart_and_figures(app: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sanity_body, "sanity_steps", lambda *_: lambda progress: iter([report()]))
    at = app("checks")
    assert any("On a CPU this takes" in m.value for m in at.markdown)
    at.button(key="sanity.go").click().run()
    at = until(at, said("as it should be"))
    text = " ".join(m.value for m in at.markdown)
    assert "not as it should be" in text
    assert "8 of 16 images" in text
    assert "50 %" in text
    assert len(at.get("plotly_chart")) == 1
    assert at.table[0].value["PGD"].iloc[0].startswith("5 of 8 (")
    assert "radar_core sanity --data phantom" in at.code[0].value
    root = Path(__file__).resolve().parents[2]
    at.switch_page(str(root / "pages" / "methods.py")).run()
    at.switch_page(str(root / "pages" / "checks.py")).run()
    assert not at.exception
    until(at, said("as it should be"))


def test_a_model_that_cannot_be_checked_is_one_sentence(app: Open) -> None:
    at = app("checks")
    at.selectbox(key="sanity.images").set_value(16).run()
    at.selectbox(key="sanity.model").set_value("toy").run()
    at.button(key="sanity.go").click().run()
    until(at, lambda at: bool(at.error) or said("as it should be")(at))


def test_checks_can_be_stopped(app: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: object):
        def steps(progress):
            for i in range(2000):
                progress.step(i / 2000, "reading")
                time.sleep(0.01)
                yield report(done=False)

        return steps

    monkeypatch.setattr(sanity_body, "sanity_steps", slow)
    at = app("checks")
    at.selectbox(key="sanity.images").set_value(64).run()
    at.button(key="sanity.go").click().run()
    assert at.button(key="sanity.stop")
    at.button(key="sanity.stop").click().run()
    assert not any(b.key == "sanity.stop" for b in at.button)
    assert not at.exception
