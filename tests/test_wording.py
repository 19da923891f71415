"""Every branch of the sentences about noise floors and masks."""

from __future__ import annotations

import math

import pytest

from radar_core.floor import Place, Word, place
from radar_core.wording import duration, evidence_sentence, noise_sentence, ordinal


def noise(word: Word, percentile: float | None, value: float = 0.31, controls: int = 20) -> str:
    return noise_sentence("Grad-CAM", "Top-k overlap", Place(value, percentile, word, controls))


def evidence(clean: float, attacked: float, area: float = 0.34) -> str:
    return evidence_sentence("Grad-CAM", "lesion", clean, attacked, area)


def test_far_outside():
    assert noise("far outside noise", 97.6) == (
        "Grad-CAM's top-k overlap of 0.31 is far outside what benign noise of the same size does "
        "(98th percentile of 20); not by itself evidence of tampering."
    )


def test_unusual():
    assert noise("unusual", 97.4) == (
        "Grad-CAM's top-k overlap of 0.31 is unusual against benign noise of the same size "
        "(97th percentile of 20); not by itself evidence of tampering."
    )


def test_within():
    assert noise("within noise", 41.0) == (
        "Grad-CAM's top-k overlap of 0.31 is within what benign noise of the same size does "
        "(41st percentile of 20)."
    )


def test_not_defined_says_why():
    assert noise("not defined", 92.0, controls=5) == (
        "Grad-CAM's top-k overlap of 0.31 stands among too little benign noise of the same size "
        "to be judged (92nd percentile of 5; it takes 19)."
    )
    assert noise("not defined", None, controls=0).endswith(
        "of 0.31 has no benign noise of the same size to be held against."
    )
    assert noise("not defined", None, math.nan) == (
        "Grad-CAM's top-k overlap is not defined here, so it cannot be held against benign noise."
    )


def test_what_place_gives_can_be_said():
    said = noise_sentence("LIME", "SSIM", place(-0.2, [0.9] * 2000, "higher"))
    assert said.startswith("LIME's SSIM of −0.20 is far outside what")
    assert "(99th percentile of 2000)" in said, "never the 100th"
    assert "(1st percentile of 2000)" in noise_sentence(
        "LIME", "SSIM", place(1.0, [0.9] * 2000, "higher")
    )


@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("Top-k overlap", "top-k overlap"),
        ("Centre-of-mass shift", "centre-of-mass shift"),
        ("Cosine similarity", "cosine similarity"),
        ("Spearman rank correlation", "Spearman rank correlation"),
        ("Pearson correlation", "Pearson correlation"),
        ("SSIM", "SSIM"),
        ("IoU as in the paper", "IoU as in the paper"),
    ],
)
def test_titles_within_a_sentence(title: str, said: str):
    at = Place(0.5, 50.0, "within noise", 20)
    assert f"LIME's {said} of 0.50 is" in noise_sentence("LIME", title, at)
    assert f"Gradients' {said} of" in noise_sentence("Integrated Gradients", title, at)


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (0.9996, "", "0.9996"),
        (1.0, "", "1.00"),
        (-0.003, "", "−0.003"),
        (0.1234, "of the diagonal", "12.3 % of the diagonal"),
        (0.0004, "of the diagonal", "0.04 % of the diagonal"),
        (0.0, "of the diagonal", "0.0 % of the diagonal"),
        (3.0, "px", "3.00 px"),
    ],
)
def test_values_have_their_unit_and_do_not_round_to_whole_numbers(
    value: float, unit: str, said: str
):
    at = Place(value, 50.0, "within noise", 20)
    assert f" of {said} is within" in noise_sentence("LIME", "SSIM", at, unit)


def test_ordinals():
    numbers = (1, 2, 3, 4, 10, 11, 12, 13, 21, 22, 23, 98, 101, 111, 112)
    expected = "1st 2nd 3rd 4th 10th 11th 12th 13th 21st 22nd 23rd 98th 101st 111th 112th"
    assert [ordinal(number) for number in numbers] == expected.split()


def test_left():
    assert evidence(0.78, 0.31) == (
        "The attribution left the lesion: 78 % of Grad-CAM lay inside it in the clean image, "
        "31 % in the attacked one; the lesion covers 34 % of the image."
    )
    assert evidence(0.78, 0.34).startswith("The attribution left the lesion:")


def test_moved_partly_out():
    assert evidence(0.78, 0.35).startswith("The attribution moved partly out of the lesion: 78 %")
    assert evidence(0.78, 0.68).startswith("The attribution moved partly out of the lesion: 78 %")


def test_stayed():
    for attacked in (0.69, 0.78, 0.95):
        assert evidence(0.78, attacked).startswith("The attribution stayed on the lesion: 78 %")
    assert evidence(0.44, 0.35).startswith("The attribution stayed on the lesion: 44 %")


def test_was_never_there():
    for clean, attacked in ((0.43, 0.2), (0.34, 0.43), (0.1, 0.1)):
        assert evidence(clean, attacked).startswith(
            "The attribution was never clearly more on the lesion than an even map would be: "
        )


def test_moved_onto():
    assert evidence(0.3, 0.6).startswith("The attribution moved onto the lesion: 30 % of Grad-CAM")


def test_ten_points_are_enough_and_of_a_small_mask_twice_its_area():
    assert "stayed on" in evidence(0.44, 0.44), "0.44 − 0.34 is 10 points, whatever floats say"
    assert "never clearly" in evidence(0.43, 0.43)
    assert "stayed on" in evidence(0.04, 0.04, area=0.02)
    assert "never clearly" in evidence(0.039, 0.039, area=0.02)
    assert "left" in evidence(0.10, 0.02, area=0.02)
    assert "moved partly out" in evidence(0.10, 0.08, area=0.02)
    assert "never clearly" in evidence(1.0, 1.0, area=1.0), "a mask of all the image tells nothing"


def test_no_attribution():
    nothing = math.nan
    assert evidence(nothing, nothing) == "Grad-CAM gives no attribution at all, in neither image."
    assert evidence(0.78, nothing) == (
        "Grad-CAM gives no attribution at all in the attacked image; in the clean one, 78 % of it "
        "lay inside the lesion; the lesion covers 34 % of the image."
    )
    assert evidence(nothing, 0.5).startswith(
        "Grad-CAM gives no attribution at all in the clean image; in the attacked one, 50 % of it"
    )


@pytest.mark.parametrize("area", [0.0, math.nan])
def test_no_mask(area: float):
    said = evidence(math.nan, math.nan, area)
    assert said == "There is no lesion marked in this image to hold the attribution against."


def test_what_is_never_said():
    shares = (math.nan, 0.0, 0.34, 0.44, 0.78, 1.0)
    said = [evidence(clean, attacked) for clean in shares for attacked in shares]
    words: tuple[Word, ...] = ("within noise", "unusual", "far outside noise", "not defined")
    said += [noise(word, 50.0) for word in words]
    for sentence in said:
        assert sentence.endswith(".")
        assert "nan" not in sentence
        assert not {"safe", "recovered"} & set(sentence.lower().replace(".", " ").split())


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (4.4, "4 s"),
        (89, "89 s"),
        (91, "2 min"),
        (5000, "83 min"),
        (6000, "1.7 h"),
        (40 * 3600, "40 h"),
        (72 * 3600, "3 days"),
        (3 * 365 * 86400, "3 years"),
    ],
)
def test_durations_in_two_figures(seconds, said):
    assert duration(seconds) == said
