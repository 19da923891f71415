"""What an address showed last: kept, found again, and drawn before Streamlit's code begins."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from radar_core.models.store import list_models
from radar_core.ui import first_look, library_said
from radar_core.ui.component_files import joined
from radar_core.ui.first_look import FirstLook, find, remember
from radar_core.ui.front_door import STATIC, complete

PHANTOM = next(i.card["sha256"] for i in list_models() if i.name == "phantom")
PAGE = (STATIC / "index.html").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    first_look.forget()
    yield
    first_look.forget()


def a_look(blob: bytes = b"pictures", **more: str) -> FirstLook:
    given = {"data": "phantom", "model": "phantom", "sha256": PHANTOM} | more
    return FirstLook(**given, heading=("name", "beside"), said="said", blob=blob)


def test_an_address_is_known_by_what_it_says_not_by_how() -> None:
    look = a_look()
    remember({"image": "a/b c", "attack": "fgsm"}, look)
    assert find("image=a%2Fb+c&attack=fgsm") is look
    assert find("attack=fgsm&image=a/b%20c&eps=4%2F255&explain=gradcam%2Cshap%2Clime") is look
    assert find("image=a%2Fb+c&attack=fgsm&as=1.2.3") is look, "a digest says what the numbers were"
    for other in ("image=a%2Fb+c", "image=a%2Fb+c&attack=fgsm&view=look", "", "attack=fgsm&seed=x"):
        assert find(other) is None


def test_of_what_is_gone_there_is_no_look() -> None:
    remember({"image": "1"}, a_look(data="no such data"))
    remember({"image": "2"}, a_look(model="no such model"))
    remember({"image": "3"}, a_look(sha256="of another model of that name"))
    remember({"image": "4"}, a_look())
    assert [find(f"image={number}") is None for number in (1, 2, 3, 4)] == [True] * 3 + [False]
    library_said.changed()
    assert find("image=4") is None, "a name may mean other images now"


def test_it_is_bounded_and_the_longest_not_asked_for_goes_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(first_look, "MOST", 3)
    for number in range(3):
        remember({"image": str(number)}, a_look())
    assert find("image=0")
    remember({"image": "3"}, a_look())
    assert find("image=0") and not find("image=1") and find("image=2") and find("image=3")
    monkeypatch.setattr(first_look, "MOST_BYTES", 20)
    remember({"image": "4"}, a_look(b"x" * 19))
    assert find("image=4") and not find("image=3")
    remember({"image": "5"}, a_look(b"x" * 21))
    assert not find("image=5"), "larger than all that may be kept"


def test_one_that_would_keep_the_page_waiting_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_look, "LARGEST", 10)
    remember({"image": "1"}, a_look(b"x" * 10))
    remember({"image": "2"}, a_look(b"x" * 11))
    assert find("image=1") and not find("image=2")
    remember({"image": "1"}, a_look(b"x" * 11))
    assert not find("image=1"), "it does not show that any more"


def test_it_is_drawn_before_anything_that_streamlit_needs() -> None:
    whole, usual = complete(PAGE, "/case", a_look()), complete(PAGE, "/case")
    told = json.loads(re.search(r"^firstLook\((.*)\);$", whole, re.MULTILINE).group(1))
    assert told["heading"] == ["name", "beside"] and told["said"] == "said"
    begins = re.search(r"for \(const attributes of (\[.*\])\) \{", whole)
    links_told = json.loads(begins.group(1))
    assert begins.start() < whole.index("firstLook({"), "nothing that is drawn can hinder it"
    (start,) = re.findall(r'import\("(\./static/js/index\.[^"]+)"\)', whole)
    assert (STATIC / start).is_file()
    outside = re.sub(r"<script>.*?</script>", "", whole, flags=re.DOTALL)
    assert "<link" in outside and "preload" not in outside and "stylesheet" not in outside
    assert '<script type="module"' not in whole
    links = re.findall(r'<link\s+rel="(?:modulepreload|stylesheet)"[^>]*>', usual)
    assert len(links) > 50 and len(links_told) == len(links)
    for link, attributes in zip(links, links_told, strict=True):
        assert f'href="{attributes["href"]}"' in link and attributes["rel"] in link
        assert ("crossorigin" in attributes) == ("crossorigin" in link)
        assert not set(attributes) - {"rel", "href", "crossorigin"}


def test_what_it_holds_cannot_break_out_of_the_script() -> None:
    bad = FirstLook("phantom", "phantom", "", ("</script><b>",), "<!--<script>", b"")
    whole = complete(PAGE, "/case", bad)
    assert "</script><b>" not in whole and "<!--<script>" not in whole


def test_every_colour_of_the_components_is_told_for_either_scheme() -> None:
    named = set(re.findall(r"var\(--st-([\w-]+)\)", joined(first_look.FILES, "css")))
    for theme in first_look._themes().values():
        assert named <= set(theme)
        assert all(isinstance(value, str) and value for value in theme.values())
