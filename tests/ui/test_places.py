"""A page is one file: the navigation finds it by what it says of itself."""

from __future__ import annotations

import pytest

from radar_core.settings import ROOT
from radar_core.ui.places import places


def test_ours_in_their_order():
    found = places(ROOT / "pages")
    assert [place.title for place in found] == [
        "Home",
        "Case",
        "Gallery",
        "Screening",
        "Present",
        "Library",
        "Train",
        "Evaluate",
        "Experiments",
        "Embedding",
        "Reader study",
        "Checks",
        "Methods",
    ]
    assert {place.path for place in found} == set((ROOT / "pages").glob("*.py"))


def test_a_new_file_is_a_new_page_and_is_not_run(tmp_path):
    line = 'PAGE = {"title": "New", "icon": ":material/search:", "order": 1}'
    (tmp_path / "new.py").write_text(f"{line}\nraise SystemExit('was run')\n")
    (place,) = places(tmp_path)
    assert (place.title, place.path) == ("New", tmp_path / "new.py")


def test_a_page_that_says_nothing_is_named(tmp_path):
    (tmp_path / "mute.py").write_text("x = 1\n")
    with pytest.raises(ValueError, match=r"mute\.py needs a line PAGE"):
        places(tmp_path)
