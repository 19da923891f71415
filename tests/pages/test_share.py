"""Sharing a case: its link, what a link that is opened says of the numbers, its command line."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl, urlsplit

import pytest
from streamlit.testing.v1 import AppTest

from radar_core.case.digest import parse_digest
from radar_core.story.reading import spec_of
from radar_core.ui.share_body import SAME
from radar_core.ui.text import plain
from tests.pages.conftest import address, finished
from tests.pages.test_case_page import QUICK, png

Open = Callable[..., AppTest]
CASE = {**QUICK, "attack": "pgd", "pgd.steps": "2", "seed": "6", "eps": "3/255", "view": "look"}


def shared(at: AppTest) -> dict[str, str]:
    """The query of the link that the page gives."""
    return dict(parse_qsl(urlsplit(at.code[0].value).query))


def told(at: AppTest) -> list[str]:
    """What is said of the numbers of the link that was opened."""
    same = [m.value for m in at.markdown if SAME in m.value]
    return same + [w.value for w in at.warning]


def test_a_link_holds_the_case_and_once_computed_its_digest(app: Open) -> None:
    at = app("case", **{**CASE, "seed": "61"})
    assert "as" not in shared(at) or finished(at)
    at = finished(at)
    query = shared(at)
    assert parse_digest(query.pop("as"))
    assert query == address(at)
    assert "radar_core case" in at.code[1].value and "--seed 61" in at.code[1].value
    spec = spec_of(at.code[0].value)
    assert (spec.seed, spec.eps, spec.image) == (61, "3/255", "phantom-test-0000")


def test_it_is_opened_with_the_same_numbers_and_forgotten_with_the_first_change(app: Open) -> None:
    query = shared(finished(app("case", **CASE)))
    at = finished(app("case", **query))
    assert [SAME in said for said in told(at)] == [True]
    assert address(at)["as"] == query["as"], "it outlives a reload"
    at.session_state["view"] = "tune"
    at = finished(at.run())
    assert [SAME in said for said in told(at)] == [True], "the view is no change of the case"
    at.number_input(key="seed").set_value(7).run()
    at = finished(at)
    assert not told(at)
    assert "as" not in address(at)


@pytest.mark.parametrize(
    ("part", "says"), [(0, "the image has"), (1, "the model has"), (2, "the numbers have")]
)
def test_a_change_is_one_sentence(app: Open, part: int, says: str) -> None:
    query = shared(finished(app("case", **CASE)))
    parts = query["as"].split("-")
    parts[part] = "0123abcd"
    at = finished(app("case", **{**query, "as": "-".join(parts)}))
    assert told(at) == [w.value for w in at.warning]
    assert len(at.warning) == 1
    assert plain(f"Since this link was made, {says} changed") in at.warning[0].value
    finished(at.run())
    assert len(at.warning) == 1


def test_a_digest_with_another_case_says_that_the_numbers_changed(app: Open) -> None:
    query = shared(finished(app("case", **{**CASE, "explain": "gradcam,saliency"})))
    at = finished(app("case", **{**query, "explain": "gradcam"}))
    assert "the numbers have changed" in at.warning[0].value


def test_the_link_of_an_upload_says_what_is_not_in_it(app: Open) -> None:
    at = app("case", **QUICK, data="upload")
    at.file_uploader(key="file").upload("one.png", png(), "image/png").run()
    at = finished(at)
    assert any("not part of the link" in m.value for m in at.markdown)
    query = shared(at)
    other = app("case", **query)
    assert "choose the file again" in other.error[0].value
    other.file_uploader(key="file").upload("named otherwise.png", png(), "image/png").run()
    assert [SAME in said for said in told(finished(other))] == [True]
    other.file_uploader(key="file").upload("another.png", png(90, 70), "image/png").run()
    assert not told(finished(other))
