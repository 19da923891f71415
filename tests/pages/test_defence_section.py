"""What would have stopped the attack, on the case page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from radar_core.defences import DEFENCES
from tests.pages.conftest import finished, until

Open = Callable[..., AppTest]
QUICK = {"model": "toy", "attack": "fgsm", "explain": "gradcam", "eps": "8/255"}


def rows(at: AppTest) -> int:
    """Rows of the table of defences."""
    tables = [t.value for t in at.table if "Outcome" in t.value.columns]
    return len(tables[0]) if tables else 0


def said(at: AppTest) -> str:
    return " ".join(m.value for m in at.markdown)


def test_a_case_is_read_behind_each_defence(app: Open) -> None:
    at = until(app("case", **QUICK), lambda at: rows(at) == len(DEFENCES))
    at = until(at, lambda at: any("radar_core defend" in c.value for c in at.code))
    assert "What would have stopped it" in said(at)
    assert any(words in said(at) for words in ("would have stopped it", "nothing to stop"))


def test_nothing_changed_is_nothing_to_stop(app: Open) -> None:
    at = finished(app("case", **{**QUICK, "eps": "0"}))
    assert "What would have stopped it" not in said(at)


def test_it_can_be_stopped_and_asked_for_again(app: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    from radar_core.case import defending

    real = defending._defended
    monkeypatch.setattr(defending, "_defended", lambda *a: time.sleep(0.6) or real(*a))
    at = until(
        app("case", **{**QUICK, "seed": "3"}),
        lambda at: any(b.key == "defences.stop" for b in at.button),
    )
    at.button(key="defences.stop").click().run()
    assert rows(at) < len(DEFENCES)
    monkeypatch.setattr(defending, "_defended", real)
    at.button(key="defences.go").click().run()
    until(at, lambda at: rows(at) == len(DEFENCES))
