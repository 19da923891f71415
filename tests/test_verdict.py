"""The sentence about a case says what happened and nothing more."""

from __future__ import annotations

from dataclasses import replace

import torch

from radar_core.case import CaseResult, CaseSpec
from radar_core.data.base import make_case
from radar_core.runtime import Passes
from radar_core.types import AttackResult, Explanation, Reading, Saved
from radar_core.verdict import certainty, flip_sentence, percent, sentence, survival_sentence

PIXELS = torch.zeros((8, 8, 3), dtype=torch.uint8).numpy()


def reading(label: str, p: float) -> Reading:
    return Reading(label, p, {label: p, "other": 1 - p})


def result(status: str | None, after: Reading, kept: float | None = None, label: str = "nv"):
    before = reading("nv", 0.94)
    attack = None
    if status is not None:
        attack = AttackResult(
            images=torch.zeros(1, 3, 8, 8),
            clean=torch.zeros(1, 3, 8, 8),
            status=(status,),
            readings_clean=(before,),
            readings_attacked=(after,),
            linf=(4 / 255,),
            l2=(1.0,),
            changed=(1.0,),
            attack="pgd",
            eps="4/255",
            norm="linf",
            targets=None,
            parameters={},
            seed=0,
            passes=Passes(),
            seconds=0.0,
        )
    explanations, scores = {}, {}
    if kept is not None:
        maps = torch.zeros(2, 8, 8)
        explanations = {
            "gradcam": Explanation(
                maps, "gradcam", "Grad-CAM", False, ("nv",) * 2, {}, 0, Passes(), 0
            )
        }
        scores = {"gradcam": {"topk_overlap": kept}}
    return CaseResult(
        spec=CaseSpec(eps="4/255"),
        case=make_case("x", PIXELS, label=label, source="test"),
        clean=torch.zeros(3, 8, 8),
        clean_reading=before,
        model_sha256="",
        attack=attack,
        explanations=explanations,
        scores=scores,
    )


def test_before_the_attack():
    assert (
        sentence(result(None, reading("nv", 0.9))) == "The model reads nv 94 % in the clean image."
    )


def test_flipped_names_both_readings_and_the_focus():
    said = sentence(result("flipped", reading("mel", 0.8), kept=0.55))
    assert said == (
        "A change of at most 4/255 per pixel turns nv 94 % into mel 80 %. "
        "Grad-CAM keeps 55 % of its focus."
    )


def test_an_undefined_overlap_is_left_out():
    assert "focus" not in sentence(result("flipped", reading("mel", 0.8), kept=float("nan")))


def test_held_is_not_called_safe():
    said = sentence(result("held", reading("nv", 0.61)))
    assert said == (
        "A change of at most 4/255 per pixel does not change the reading: nv 94 % becomes nv 61 %."
    )


def test_a_no_op_is_not_robustness():
    assert "says nothing about robustness" in sentence(result("no-op", reading("nv", 0.94)))


def test_already_wrong_names_the_label():
    said = sentence(result("already wrong", reading("bkl", 0.7), label="mel"))
    assert said.startswith("The model was already wrong before any attack: it reads nv 94 %")
    assert "label is mel" in said


def test_percent_never_rounds_to_certainty():
    assert percent(0.9999) == "> 99 %"
    assert percent(0.0001) == "< 1 %"
    assert percent(1.0) == "100 %"
    assert percent(0.0) == "0 %"
    assert percent(0.504) == "50 %"


def test_a_model_is_never_certain():
    assert certainty(1.0) == "> 99 %"
    assert certainty(0.0) == "< 1 %"


def test_an_empty_map_is_said():
    found = result("flipped", reading("mel", 0.8), kept=0.05)
    explanation = found.explanations["gradcam"]
    for empty, where in (((False, True), "the attacked"), ((True, True), "either")):
        told = replace(explanation, facts={"empty": list(empty)})
        said = sentence(replace(found, explanations={"gradcam": told}))
        assert said.endswith(f"Grad-CAM finds no evidence for nv in {where} image.")


def test_the_smallest_flip_in_words():
    from radar_core.api.flipping import Flip
    from radar_core.epsilon import Epsilon

    def flip(low: float, high: float | None, norm: str = "linf", **more: object) -> str:
        top = None if high is None else Epsilon(high, norm=norm)
        tried = more.pop("tried", 16 / 255)
        return flip_sentence(
            Flip(Epsilon(low, norm=norm), top, norm, Epsilon(tried, norm=norm), True, 5)
        )

    assert flip(1 / 255, 1.5 / 255) == (
        "The smallest ε found to turn the reading is 1.5/255 (tried again, it did); "
        "at 1/255 it failed."
    )
    assert "is L2 0.2229 (tried again, it did); at L2 0.2227" in flip(0.2227, 0.2229, "l2")
    assert flip(0.1, None).startswith("No ε up to 16/255 turned the reading; a stronger attack")
    assert "says nothing about robustness" in flip(0, None, "l2", tried=0.0)


def test_whether_a_flip_outlives_a_file_in_words():
    def saved(png: bool | None, jpeg: bool | None) -> str:
        now = reading("mel", 0.6)
        return survival_sentence({"png": Saved(now, png), "jpeg95": Saved(now, jpeg)})

    assert saved(None, None) == ""
    assert saved(True, True).endswith("the image still reads differently.")
    assert saved(False, False) == "Saved as an 8-bit PNG or a JPEG of quality 95, the flip is lost."
    assert saved(True, False).endswith("; as a JPEG of quality 95, the flip is lost.")


def with_attack(status: str, after: Reading, **changes: object):
    found = result(status, after)
    spec = {k: changes.pop(k) for k in ("attack", "towards", "eps") if k in changes}
    return replace(
        found, spec=replace(found.spec, **spec), attack=replace(found.attack, **changes, **{
            k: v for k, v in spec.items() if k == "eps"
        })
    )  # fmt: skip


def test_a_nearest_example_beyond_epsilon_is_named():
    found = with_attack(
        "held", reading("nv", 0.8), attack="deepfool", eps="0.1", norm="l2", distances=(0.31,)
    )
    assert "The nearest example found lies at L2 0.31." in sentence(found)
    assert sentence(found).startswith("A change of at most 4/255 per pixel does not change")


def test_a_search_that_found_nothing_is_not_robustness():
    found = with_attack(
        "no-op", reading("nv", 0.94), attack="cw", eps="own", norm="l2", distances=(None,)
    )
    assert sentence(found).startswith("C&W found no example, which says nothing about robustness")


def test_an_aim_that_is_missed_or_already_met_is_said():
    missed = with_attack("held", reading("mel", 0.7), towards="df")
    assert "It was to be df." in sentence(missed)
    met = with_attack("no-op", reading("nv", 0.94), towards="nv")
    assert sentence(met).startswith("There is nothing to attack: to begin with, the model reads")


def test_a_control_is_called_harmless():
    found = with_attack("held", reading("nv", 0.9), attack="sign_noise")
    assert sentence(found).startswith("Sign noise, a harmless change of at most 4/255 per pixel,")


def test_an_attack_on_the_explanation_is_judged_by_what_it_was_to_do():
    spec = replace(CaseSpec(eps="4/255"), attack="topk")
    kept = replace(result("held", reading("nv", 0.9), kept=0.05), spec=spec)
    assert sentence(kept) == (
        "A change of at most 4/255 per pixel leaves the reading, as it was meant to: nv 94 % "
        "becomes nv 90 %. Grad-CAM keeps 5 % of its focus."
    )
    turned = replace(result("flipped", reading("mel", 0.9)), spec=spec)
    assert "turns the reading, and was to leave it: nv" in sentence(turned)
