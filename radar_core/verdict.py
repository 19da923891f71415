"""The one sentence about a case, computed from its results."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from radar_core.epsilon import parse_epsilon

if TYPE_CHECKING:
    from radar_core.case import CaseResult
    from radar_core.types import Reading


@dataclass(frozen=True)
class Part:
    """A piece of the sentence; `kind` says whose reading it names, for its colour."""

    text: str
    kind: Literal["", "clean", "attacked"] = ""


def percent(probability: float) -> str:
    """A share for people: whole percents, and never 100 % or 0 % unless it is."""
    if 0.995 <= probability < 1:
        return "> 99 %"
    if 0 < probability < 0.005:
        return "< 1 %"
    return f"{probability:.0%}".replace("%", " %")


def certainty(probability: float) -> str:
    """A model's probability: rounding in float32 does not make it certain."""
    return percent(min(max(probability, 1e-9), 1 - 1e-9))


def named(reading: Reading) -> str:
    """A reading as a sentence names it."""
    return f"{reading.label} {certainty(reading.probability)}"


def verdict(result: CaseResult) -> tuple[Part, ...]:
    """What the attack did to the reading and to the first explanation, in plain words."""
    clean = Part(named(result.clean_reading), "clean")
    if result.attack is None:
        return (Part("The model reads "), clean, Part(" in the clean image."))
    attacked_reading = result.attack.readings_attacked[0]
    attacked = Part(named(attacked_reading), "attacked")
    status = result.attack.status[0]
    changed = attacked_reading.label != result.clean_reading.label
    eps = parse_epsilon(result.spec.eps)
    size = f"{result.attack.linf[0] * 255:.3g}/255" if eps.normalised else eps.label
    by = f"A change of at most {size} per pixel"
    if status == "no-op":
        return (
            Part(
                "The attack changed nothing, so it says nothing about robustness: the model reads "
            ),
            clean,
            Part("."),
        )
    if status == "already wrong":
        return (
            Part("The model was already wrong before any attack: it reads "),
            clean,
            Part(f" where the label is {result.case.label}. "),
            Part("Attacked, it reads "),
            attacked,
            Part("."),
        )
    if status == "flipped" or changed:
        said = [Part(f"{by} turns "), clean, Part(" into "), attacked, Part(".")]
    else:
        said = [Part(f"{by} does not change the reading: "), clean, Part(" becomes "), attacked]
        said.append(Part("."))
    return (*said, *_focus(result))


def _focus(result: CaseResult) -> tuple[Part, ...]:
    for id, scores in result.scores.items():
        explanation, kept = result.explanations[id], scores.get("topk_overlap")
        title = explanation.title
        empty = explanation.facts.get("empty", (False, False))
        if any(empty):
            image = "either image" if all(empty) else ("clean", "attacked")[empty[1]] + " image"
            the = "" if all(empty) else "the "
            said = f" {title} finds no evidence for {explanation.targets[0]} in {the}{image}."
            return (Part(said),)
        if kept is not None and math.isfinite(kept):
            return (Part(f" {title} keeps {percent(kept)} of its focus."),)
    return ()


def sentence(result: CaseResult) -> str:
    """The verdict as one string."""
    return "".join(part.text for part in verdict(result))
