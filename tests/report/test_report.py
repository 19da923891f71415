"""The report of a case: what it says is what the case found, in all three forms."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radar_core.errors import BadParameter, CannotWrite
from radar_core.metrics import METRICS
from radar_core.report import report
from radar_core.report.paper import Paper, printable
from radar_core.report.pictures import on_paper, outline
from radar_core.settings import ROOT
from tests.report.conftest import MADE, opened, words

HOSTILE = '<script>alert("x")</script>&{nb} **b** \\"'
URL = re.compile(r"(?:https?:)?//[\w.-]+", re.IGNORECASE)


def shown(value: float, unit: str) -> str:
    """A metric as the report has to print it, written anew."""
    if not math.isfinite(value):
        return "not defined"
    text = f"{100 * value:.1f} %" if unit.startswith("of ") else f"{value:.2f}"
    return text.replace("-", "−")


def nth(percentile: float) -> str:
    number = min(max(round(percentile), 1), 99)
    last = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if 11 <= number <= 13 else last} percentile"


class Page(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.said.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.said).split())


@pytest.fixture(scope="module")
def whole(case, floor, curve):
    return report(case, floor, curve, made=MADE)


@pytest.fixture(scope="module")
def pdf(whole) -> bytes:
    return whole.pdf()


def test_every_metric_is_printed_with_its_place_in_the_noise(case, floor, pdf, whole):
    held = 0
    printed = {"pdf": words(pdf), "html": Page(whole.html()).text}
    for roles in (["headline"], ["further", "paper"]):
        names = sorted(
            (n for n in METRICS if METRICS[n].role in roles), key=lambda n: METRICS[n].order
        )
        names.sort(key=lambda n: roles.index(METRICS[n].role))
        for id, title in (("gradcam", "Grad-CAM"), ("saliency", "Saliency"), ("lime", "LIME")):
            row = [title]
            for name in names:
                row.append(shown(case.scores[id][name], METRICS[name].unit))
                place = floor.places.get(id, {}).get(name)
                if place is not None and place.percentile is not None:
                    held += 1
                    row.append(f"{place.word}, {nth(place.percentile)}")
            for form, text in printed.items():
                assert " ".join(row) in text, f"{form} lacks {row}"
    assert held >= 6


def test_readings_distances_and_hashes_are_the_cases(case, pdf, whole):
    attack = case.attack
    for text in (words(pdf), Page(whole.html()).text):
        joined = text.replace(" ", "")
        for hash in case.as_dict()["hashes"].values():
            assert hash in joined
        assert f"{attack.linf[0]:.5f} = {attack.linf[0] * 255:.3g}/255" in text
        assert f"{attack.l2[0]:.4f} = {attack.l2[0] * 255:,.0f}/255" in text
        assert "Seed 5" in text
        for name, version in case.as_dict()["versions"].items():
            assert f"{name} {version}" in text
        for label, before in case.clean_reading.probabilities.items():
            after = attack.readings_attacked[0].probabilities[label]
            mark = f"{label} (true label)" if label == case.case.label else label
            both = (
                "> 99 %" if p >= 0.995 else "< 1 %" if p < 0.005 else f"{p:.0%}"
                for p in (before, after)
            )
            row = [mark, *both]
            assert " ".join(row).replace("%", "").replace(" ", "") in joined.replace("%", "")


def test_verdict_limits_command_and_curve_are_told(case, curve, pdf, whole):
    from radar_core.verdict import flip_sentence, sentence

    for text in (words(pdf), Page(whole.html()).text):
        assert sentence(case).split(". ")[0] in text
        assert flip_sentence(curve.flip) in text
        assert "Research software, not a medical device." in text
        assert "--attack pgd --param steps=3 --eps 3/255" in text
        assert "This image is synthetic" in text
        assert "safe" not in text.lower()
        assert "ε, grey levels of 255" in text


def test_the_curve_is_drawn_where_its_values_lie(curve, whole):
    charts = [b for s in whole.content.sections for b in s.blocks if type(b).__name__ == "Charts"]
    first = charts[0].charts[0]
    assert list(first.x) == [eps.value * 255 for eps in curve.axis]
    label = curve.clean_reading.label
    assert list(first.series[0].values) == [
        curve.frames[i].readings_attacked[0].probabilities[label] for i in range(len(curve.axis))
    ]
    assert first.now == pytest.approx(3)
    assert first.flip == pytest.approx(curve.flip.high.value * 255)
    overlap = next(s for s in charts[0].charts[1].series if s.title == "Top-k overlap")
    assert list(overlap.values) == list(curve.scores["saliency"]["topk_overlap"])


def test_json_holds_what_the_results_say(case, floor, curve, whole):
    found = json.loads(whole.json())
    for name, result in (("case", case), ("floor", floor), ("curve", curve)):
        assert found[name] == json.loads(json.dumps(result.as_dict()))
    assert found["hashes"]["model"] == case.model_sha256
    assert found["made"] == "2026-03-01T09:30:00+00:00"
    assert found["versions"]["torch"]


def test_the_page_makes_no_request(whole):
    page = whole.html()
    parsed = Page(page)
    for tag, attributes in parsed.tags:
        assert tag not in ("script", "link", "iframe", "object", "base", "form", "a")
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in ("src", "href", "srcset", "xlink:href"):
                assert value.startswith("data:image/png;base64,")
    assert "url(" not in page
    assert "@import" not in page
    assert not URL.search(re.sub(r"base64,[^']+", "", page))
    policy = [a["content"] for tag, a in parsed.tags if tag == "meta" and "content" in a]
    assert policy[0].startswith("default-src 'none'")
    pictures = [a for tag, a in parsed.tags if tag == "img"]
    assert len(pictures) == 12
    assert all(len(a["alt"]) > 8 for a in pictures)


def test_the_pdf_shows_every_picture_and_counts_its_pages(pdf):
    book = opened(pdf)
    assert len(book.pages) in (2, 3)
    assert sum(len(page.images) for page in book.pages) == 12
    for number, page in enumerate(book.pages, 1):
        assert f"Page {number} of {len(book.pages)}" in page.extract_text()
        assert "not a medical device" in page.extract_text()
    assert book.metadata.title == "RADAR case report: phantom-test-0003"
    assert book.metadata.creation_date == MADE


def test_pixels_come_back_as_the_model_saw_them(case, whole, pdf):
    clean = np.rint(case.clean.numpy().transpose(1, 2, 0) * 255).astype(np.uint8)
    found = [np.asarray(i.image.convert("RGB")) for i in opened(pdf).pages[0].images]
    assert any(np.array_equal(one, clean) for one in found)


def test_equal_results_give_equal_bytes_and_another_time_others(case, floor, curve, whole, pdf):
    again = report(case, floor, curve, made=MADE)
    assert again.pdf() == pdf
    assert again.html() == whole.html()
    assert again.json() == whole.json()
    later = report(case, floor, curve, made=datetime(2026, 3, 2, tzinfo=UTC))
    assert later.pdf() != pdf
    assert later.html() != whole.html()


def test_what_took_other_seconds_is_the_same_on_paper(case, floor, curve, whole, pdf):
    slow = replace(case, seconds=case.seconds + 1, attack=replace(case.attack, seconds=99.0))
    again = report(slow, floor, curve, made=MADE)
    assert again.pdf() == pdf
    assert again.html() == whole.html()


def test_what_is_missing_is_said(case):
    alone = report(case, made=MADE)
    for text in (words(alone.pdf()), Page(alone.html()).text):
        assert "The noise floor is missing" in text
        assert "The ε curve is missing" in text
        assert "percentile says" not in text
    found = json.loads(alone.json())
    assert found["floor"] is None
    assert found["curve"] is None
    assert "--no-floor --no-curve" in words(alone.pdf())


def test_what_belongs_to_another_case_is_refused(case, floor, curve):
    other = replace(case, spec=replace(case.spec, seed=6))
    with pytest.raises(BadParameter, match="noise floor"):
        report(other, floor, made=MADE)
    with pytest.raises(BadParameter, match="curve"):
        report(other, None, curve, made=MADE)
    with pytest.raises(BadParameter, match="attacked"):
        report(replace(case, attack=None), made=MADE)
    at = replace(case, spec=replace(case.spec, eps="1/255"))
    assert report(at, None, curve, made=MADE).curve is curve


def test_hostile_names_are_shown_and_do_nothing(made_of):
    found = made_of([HOSTILE, "b"])
    found = replace(found, case=replace(found.case, id=HOSTILE, label=HOSTILE))
    one = report(found, made=MADE)
    page = Page(one.html())
    assert HOSTILE in page.text
    assert "script" not in [tag for tag, _ in page.tags]
    titles = [a.get("alt") or "" for tag, a in page.tags if tag == "img"]
    assert not any("onerror" in a for _, a in page.tags)
    assert titles
    assert HOSTILE in words(one.pdf())
    assert json.loads(one.json())["case"]["image"] == HOSTILE


def test_a_name_in_quotes_stays_within_its_attribute(made_of):
    name = "x' onerror='alert(1)"
    found = made_of([name, f"{name}2"])
    page = Page(report(found, made=MADE).html())
    assert not any("onerror" in attributes for _, attributes in page.tags)
    assert any(name in (a.get("alt") or "") for _, a in page.tags)


def test_names_of_other_scripts(made_of):
    found = made_of(["Меланома", "ναevus", "黑色素瘤", "żółć", "ورم"])
    found = replace(found, case=replace(found.case, id="患者 12", label="黑色素瘤"))
    one = report(found, made=MADE)
    text = words(one.pdf())
    for name in ("Меланома", "ναevus", "żółć"):
        assert name in text
    assert "[U+60A3 U+8005] 12" in text
    assert "stand as their code points" in text
    assert "黑色素瘤" in Page(one.html()).text
    assert "ورم" in one.json()
    assert "code points" not in words(report(made_of(["a", "b"]), made=MADE).pdf())


def test_an_explainer_without_a_map_is_told(made_of):
    found = made_of(["a", "b", "c"], cam_layer="classifier", explainers=("gradcam", "saliency"))
    assert "gradcam" in found.unexplained
    one = report(found, made=MADE)
    for text in (words(one.pdf()), Page(one.html()).text):
        assert "Grad-CAM gave no map" in text
        assert "Saliency" in text
    none = made_of(["a", "b"], cam_layer="classifier")
    assert "Grad-CAM gave no map" in words(report(none, made=MADE).pdf())


def test_a_case_without_any_explainer(made_of):
    one = report(made_of(["a", "b"], explainers=()), made=MADE)
    assert "nothing to compare" in words(one.pdf())
    assert len(opened(one.pdf()).pages) <= 3


@pytest.mark.parametrize("count", [2, 14])
def test_few_and_many_classes(made_of, count):
    names = [f"class number {i}" for i in range(count)]
    one = report(made_of(names), made=MADE)
    text = words(one.pdf())
    assert ("The 12 likeliest" in text) == (count > 12)
    listed = re.findall(r"class number \d+ (?:> 99 %|< 1 %|\d+ %)", text)
    assert len(set(listed)) >= min(count, 12)


def test_a_long_name_is_never_beyond_the_edge(made_of):
    long = "squamous cell carcinoma in situ, pigmented, of the left lower extremity " * 3
    solid = "x" * 300
    found = made_of([long.strip(), solid])
    found = replace(found, case=replace(found.case, id=solid))
    one = report(found, made=MADE)
    assert len(opened(one.pdf()).pages) <= 6
    assert long.strip() in Page(one.html()).text


def test_lines_fit_their_width_and_one_line_is_cut():
    paper = Paper("foot", MADE)
    for text in ("w" * 200, "some words that go on " * 20, "ε"):
        for line in paper.broken(text, 30, 8):
            assert paper.get_string_width(line) <= 30 + 1e-6
    assert paper.one(20, 20, 30, "w" * 200, 8) <= 30
    paper.close()


def test_characters_a_font_lacks_stand_as_code_points():
    assert printable("aé", {ord("a"), ord("é")}) == "aé"
    assert printable("e\u0301", {ord("é")}) == "é"
    assert printable("a患者\n b", {ord("a"), ord(" "), ord("b")}) == "a[U+60A3 U+8005] b"
    assert printable("\u202ea", {ord("a")}) == "[U+202E]a"


def test_signs_of_the_report_are_in_the_font():
    paper = Paper("ε L∞ − → × · ≤ … δ σ ‖ ² é Ж", MADE)
    paper.words(paper.foot.replace("‖", ""))
    assert not paper.lacking
    paper.close()


def test_the_stronger_the_darker_in_grey():
    image = np.full((3, 16, 256), 0.2, np.float32)  # dark skin
    ramp = np.tile(np.linspace(0, 1, 256, dtype=np.float32), (16, 1))
    grey = np.asarray(Image.fromarray(on_paper(image, ramp)).convert("L")).astype(int)
    steps = np.diff(grey[0])
    assert (steps <= 1).all()  # rounding of 8 bits apart
    assert grey[0, 0] - grey[0, -1] > 120
    white = np.ones((3, 16, 256), np.float32)
    lightest = np.asarray(Image.fromarray(on_paper(white, ramp)).convert("L")).astype(int)
    assert lightest[0, -1] < grey[0, 0] - 100, "a strong place is darker than any bare one"


def test_against_the_class_is_hatched():
    image = np.ones((3, 64, 64), np.float32)
    full = on_paper(image, np.ones((64, 64), np.float32))
    against = on_paper(image, -np.ones((64, 64), np.float32))
    assert len(np.unique(full.reshape(-1, 3), axis=0)) == 1
    assert len(np.unique(against.reshape(-1, 3), axis=0)) == 2


def test_the_outline_surrounds_the_strongest_tenth():
    rows, columns = np.mgrid[:100, :100]
    blob = np.exp(-((rows - 30) ** 2 + (columns - 60) ** 2) / 800).astype(np.float32)
    (line,) = outline(-blob)
    points = np.array(line)
    radius = math.sqrt(0.1 / math.pi)
    away = np.hypot(points[:, 0] - 0.605, points[:, 1] - 0.305)
    assert np.abs(away - radius).max() < 0.02
    assert not outline(np.zeros((64, 64), np.float32))


def test_saved_whole_or_not_at_all(whole, pdf, tmp_path):
    paths = whole.save(tmp_path / "new")
    assert paths["pdf"].read_bytes() == pdf
    assert paths["html"].read_text("utf-8") == whole.html()
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == sorted(
        p.name for p in paths.values()
    )
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite):
        whole.save(tmp_path / "file" / "below")


def test_a_report_needs_neither_the_view_nor_a_network():
    code = (
        "import sys, radar_core.report.pdf, radar_core.report.page, radar_core.report.content;"
        "print(any(name == 'streamlit' for name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_the_font_comes_with_its_licence():
    assert "SIL Open Font License" in (Path(ROOT) / "assets/fonts/OFL.txt").read_text("utf-8")
