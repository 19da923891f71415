"""The sentence about a case says what happened and nothing more."""

from __future__ import annotations

from dataclasses import replace

import torch

from radar_core.case import CaseResult, CaseSpec
from radar_core.data.base import make_case
from radar_core.runtime import Passes
from radar_core.types import AttackResult, Explanation, Reading
from radar_core.verdict import certainty, percent, sentence

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
