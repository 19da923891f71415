"""A story as its file tells it, and every way in which it cannot be told."""

from __future__ import annotations

from pathlib import Path

import pytest

from radar_core.case import CaseSpec
from radar_core.errors import BadStory, RadarError
from radar_core.settings import ROOT
from radar_core.story import read_story, spec_of, stories

STEP = '[[step]]\nlink = "/case?image=3"\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "told.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_story_can_be_told() -> None:
    for name in ("how-attacks-mislead",):
        story = read_story(name)
        assert len(story.steps) >= 3
        assert all(step.caption for step in story.steps)
        assert any(step.sweep for step in story.steps)


def test_a_link_is_the_case_that_the_page_makes_of_it() -> None:
    link = (
        "http://127.0.0.1:8501/case?view=look&image=phantom-test-0005&attack=pgd&pgd.steps=3"
        "&eps=2%2F255&explain=gradcam%2Clime&lime.samples=64&target=attacked&seed=7&as=1-2-3"
    )
    assert spec_of(link) == CaseSpec(
        image="phantom-test-0005",
        attack="pgd",
        attack_parameters=(("steps", "3"),),
        eps="2/255",
        explainers=("gradcam", "lime"),
        explainer_parameters=(("lime.samples", "64"),),
        target="attacked",
        seed=7,
    )
    assert spec_of("/case") == CaseSpec()
    assert spec_of("/case?explain=none").explainers == ()
    assert spec_of("/case?attack=deepfool").eps == "own"


@pytest.mark.parametrize(
    ("link", "says"),
    [
        ("/case?image=3&colour=red", "no 'colour'"),
        ("/case?attack=magic", "magic"),
        ("/case?eps=abc", "abc"),
        ("/case?eps=-1", "-1"),
        ("/case?seed=-1", "seed"),
        ("/case?seed=" + "9" * 40, "seed"),
        ("/case?target=dream", "target"),
        ("/case?pgd.steps=many", "many"),
        ("/case?explain=guess", "guess"),
        ("/case?data=upload&image=00", "not part of a link"),
        ("/case?attack=fgsm&lime.wings=2", "wings"),
    ],
)
def test_a_link_that_cannot_be_is_refused_in_one_sentence(link: str, says: str) -> None:
    with pytest.raises(RadarError) as refused:
        spec_of(link)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("title = ", "TOML"),
        ("title = 'x'", "has steps"),
        ("step = 3", "has steps"),
        ("step = ['a']", "has steps"),
        ("author = 'x'\n" + STEP, "'author' is not"),
        ("title = 3\n" + STEP, "title is text"),
        ("idle = true\n" + STEP, "idle is a number"),
        ("idle = -1\n" + STEP, "idle is a number"),
        ("[[step]]\ncaption = 'x'", "link and caption are text"),
        (STEP + "sweep = 1", "sweep is true or false"),
        (STEP + "show = 'dance'", "show is one of"),
        (STEP + "speed = 1", "'speed' is not"),
        ('[[step]]\nlink = "/case?eps=99"', "step 1"),
        (STEP * 51, "50 are the most"),
        ("# " + "x" * 300_000, "too large"),
    ],
)
def test_a_file_that_cannot_be_is_refused_in_one_sentence(
    tmp_path: Path, text: str, says: str
) -> None:
    with pytest.raises(BadStory, match=r".") as refused:
        read_story(write(tmp_path, text))
    assert says in str(refused.value)
    assert "told.toml" in str(refused.value)


def test_a_story_that_is_not_there_is_said_with_those_that_are() -> None:
    with pytest.raises(BadStory, match=r"one of: .*how-attacks-mislead"):
        read_story("nowhere")


def test_a_file_of_ones_own_goes_before_one_that_ships(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RADAR_STORIES", str(tmp_path))
    own = tmp_path / "how-attacks-mislead.toml"
    own.write_text("title = 'Mine'\n" + STEP, encoding="utf-8")
    assert stories()["how-attacks-mislead"] == own
    assert read_story("how-attacks-mislead").title == "Mine"
    assert (ROOT / "assets" / "stories" / own.name).is_file()
