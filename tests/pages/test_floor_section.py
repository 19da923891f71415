"""The noise floor and the evidence on the case page, as a visitor's script run."""

from __future__ import annotations

import time
from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from tests.pages.conftest import until as there

Open = Callable[..., AppTest]
QUICK = {"model": "toy", "attack": "fgsm", "explain": "gradcam,saliency", "eps": "8/255"}
WORDS = ("within noise", "unusual", "far outside noise")


def said(at: AppTest) -> str:
    return " ".join(m.value for m in at.markdown)


def until(at: AppTest, text: str) -> AppTest:
    """The page once it says that."""
    return there(at, lambda at: text in said(at))


def placed(at: AppTest) -> list[str]:
    """The cells of the table of places."""
    return [
        str(cell)
        for table in at.table
        for row in table.value.to_dict("records")
        for cell in row.values()
        if "percentile" in str(cell)
    ]


def test_every_number_gets_its_place_in_the_noise(app: Open) -> None:
    at = until(app("case", **QUICK), "percentile of 20")
    assert "20 harmless changes as large as the attack" in said(at)
    cells = placed(at)
    assert cells
    assert all(any(word in cell for word in WORDS) for cell in cells)
    assert "safe" not in said(at).lower()
    assert any("radar_core floor" in code.value for code in at.code)


def test_evidence_is_told_in_sentences(app: Open) -> None:
    at = until(app("case", **QUICK), "Where the attribution lies")
    assert "the lesion covers" in said(at) or "no attribution" in said(at).lower()
    tables = [t for t in at.table if "Mask" in t.value.columns]
    assert len(tables) == 1
    assert set(tables[0].value["Mask"]) == {"lesion", "evidence"}


def test_the_strip_follows_the_explainer_chosen(app: Open) -> None:
    at = until(app("case", **QUICK), "percentile of 20")
    there(at, lambda at: any(p.key == "floor.explainer" for p in at.pills))  # the second's turn
    pills = next(p for p in at.pills if p.key == "floor.explainer")
    assert pills.value == "gradcam"
    at = pills.set_value("saliency").run()
    told = [m.value for m in at.markdown if "percentile of 20" in m.value]
    assert told
    assert all("Saliency" in text for text in told)


def test_an_attack_that_changed_nothing_has_no_floor(app: Open) -> None:
    at = until(app("case", **{**QUICK, "eps": "0"}), "changed nothing, so there is no noise")
    assert not placed(at)


def test_the_floor_can_be_stopped_and_asked_for_again(app: Open, monkeypatch) -> None:
    from radar_core.case import floor

    real = floor._placed

    def slow(*given):
        time.sleep(1.0)
        return real(*given)

    monkeypatch.setattr(floor, "_placed", slow)
    at = until(app("case", **{**QUICK, "seed": "8"}), "Held against harmless noise")
    at.button(key="floor.stop").click().run()
    assert not placed(at)
    monkeypatch.setattr(floor, "_placed", real)
    at.button(key="floor.go").click().run()
    assert placed(until(at, "percentile of 20"))


def test_the_words_stand_beside_the_numbers_above_the_panels(app: Open, monkeypatch) -> None:
    from radar_core.ui import case_body
    from radar_core.view.blob import unpack

    sent: list[bytes] = []
    monkeypatch.setattr(case_body, "viewer", lambda blob, **more: sent.append(blob))
    at = until(app("case", **QUICK), "percentile of 20")
    at.run()
    header, pictures = unpack(sent[-1])
    assert "attacked-gradcam" in pictures
    notes = [cell["note"] for cell in header["strip"][2:]]
    assert len(notes) == 3
    assert set(notes) <= {*WORDS, "Grad-CAM"}
    assert set(notes) & set(WORDS)
