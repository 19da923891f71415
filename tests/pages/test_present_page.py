"""The page that shows a story: prepared on it, then shown; what cannot be shown is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from radar_core.story import prepared, read_story
from tests.pages.conftest import until

Open = Callable[..., AppTest]
TOLD = """
title = "Two *steps*"
[[step]]
caption = "First <b>this</b>."
link = "/case?image=3&model=toy&attack=fgsm&explain=gradcam"
[[step]]
caption = "Then."
link = "/case?image=3&model=toy&attack=fgsm&eps=8/255&explain=gradcam"
"""


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RADAR_STORIES", str(tmp_path))
    path = tmp_path / "two.toml"
    path.write_text(TOLD, encoding="utf-8")
    return path


def shown(at: AppTest) -> bool:
    """Whether the story itself is on the page."""
    return not at.title and not at.error


@pytest.mark.usefixtures("told")
def test_a_story_is_prepared_on_the_page_and_then_shown(app: Open) -> None:
    at = app("present", story="two")
    assert at.title[0].value == r"Two \*steps\*"
    assert "2 steps, 2 of them still to be computed" in " ".join(m.value for m in at.markdown)
    assert at.code[0].value == "python -m radar_core prepare two"
    steps = " ".join(m.value for m in at.expander[0].markdown)
    assert "<b>" not in steps.replace(r"\<b\>", "").replace("&lt;b&gt;", "")
    at.button(key="present.go").click().run()
    until(at, shown)
    assert prepared(read_story("two")).done
    assert at.query_params["story"] in ("two", ["two"])


def test_a_story_that_cannot_be_told_says_why(app: Open, told: Path) -> None:
    told.write_text(TOLD.replace("eps=8/255", "eps=99"), encoding="utf-8")
    at = app("present", story="two")
    assert "step 2" in at.error[0].value
    told.write_text("title =", encoding="utf-8")
    assert "TOML" in app("present", story="two").error[0].value


@pytest.mark.usefixtures("told")
def test_a_link_to_another_story_is_followed(app: Open) -> None:
    at = app("present", story="two")
    assert at.selectbox[0].value == "two"
    at.query_params["story"] = "how-attacks-mislead"
    assert at.run().selectbox[0].value == "how-attacks-mislead"
    at.selectbox[0].set_value("two").run()
    assert at.query_params["story"] in ("two", ["two"])


@pytest.mark.usefixtures("told")
def test_an_unknown_story_shows_the_first_and_says_so(app: Open) -> None:
    at = app("present", story="nowhere")
    assert "There is no story" in at.warning[0].value
    assert at.selectbox[0].value == "how-attacks-mislead"
