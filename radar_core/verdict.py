"""The one sentence about a case, computed from its results."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from radar_core.epsilon import Epsilon, Norm, parse_epsilon

if TYPE_CHECKING:
    from collections.abc import Mapping

    from radar_core.api.flipping import Flip
    from radar_core.case import CaseResult
    from radar_core.types import AttackResult, Reading, Saved


NOTHING = "which says nothing about robustness: the model reads "


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
    from radar_core.attacks import ATTACKS

    if result.attack is None:
        return (Part("The model reads "), clean, Part(" in the clean image."))
    attacked_reading = result.attack.readings_attacked[0]
    attacked = Part(named(attacked_reading), "attacked")
    status = result.attack.status[0]
    changed = attacked_reading.label != result.clean_reading.label
    by = _change(result)
    if status == "no-op":
        return (Part(_nothing(result)), clean, Part("."))
    if status == "already wrong":
        wrong = (
            Part("The model was already wrong before any attack: it reads "),
            clean,
            Part(f" where the label is {result.case.label}."),
        )
        then = (Part(" Attacked, it reads "), attacked, Part("."))
        return (*wrong, *then) if result.attack.linf[0] else wrong
    if ATTACKS[result.spec.attack].family == "explanation":
        meant = "and was to leave it" if changed else "as it was meant to"
        said = [Part(f"{by} {'turns' if changed else 'leaves'} the reading, {meant}: "), clean]
        said += [Part(" becomes "), attacked, Part(".")]
        return (*said, *_focus(result))
    if status == "flipped" or changed:
        said = [Part(f"{by} turns "), clean, Part(" into "), attacked, Part(".")]
    else:
        said = [Part(f"{by} does not change the reading: "), clean, Part(" becomes "), attacked]
        said.append(Part("."))
    if changed and status != "flipped":
        said.append(Part(f" It was to be {result.spec.towards}."))
    return (*said, *_beyond(result.attack), *_focus(result))


def _change(result: CaseResult) -> str:
    """What was done to the image, as the subject of a sentence."""
    from radar_core.attacks import ATTACKS

    assert result.attack is not None
    method = ATTACKS[result.spec.attack]
    eps = parse_epsilon(result.spec.eps, result.attack.norm)
    in_pixels = eps.norm == "linf" and not eps.normalised and method.placing == "budget"
    size = eps.label if in_pixels else f"{result.attack.linf[0] * 255:.3g}/255"
    if method.family == "benign":
        return f"{method.title}, a harmless change of at most {size} per pixel,"
    return f"A change of at most {size} per pixel"


def _nothing(result: CaseResult) -> str:
    """Why nothing changed, up to the reading."""
    from radar_core.attacks import ATTACKS

    if result.spec.towards == result.clean_reading.label:
        return "There is nothing to attack: to begin with, the model reads "
    method = ATTACKS[result.spec.attack]
    if result.attack and not parse_epsilon(result.spec.eps, result.attack.norm).value:
        return "At ε 0 the image is left as it is: the model reads "
    if method.placing == "distance" and result.attack and result.attack.distances == (None,):
        return f"{method.title} found no example, {NOTHING}"
    return f"The attack changed nothing, {NOTHING}"


def _beyond(attack: AttackResult) -> tuple[Part, ...]:
    """Where an example lies that ε does not reach."""
    found = attack.distances[0] if attack.distances else None
    eps = parse_epsilon(attack.eps, attack.norm)
    if found is None or eps.normalised or found <= eps.value:
        return ()
    return (Part(f" The nearest example found lies at {distance_text(found, attack.norm)}."),)


def distance_text(value: float, norm: Norm, digits: int = 3) -> str:
    """A distance for people, in grey levels where it bounds single pixels."""
    return f"{value * 255:.{digits}g}/255" if norm == "linf" else f"L2 {value:.{digits}g}"


def flip_sentence(flip: Flip) -> str:
    """The smallest ε that turns a reading, with its bracket, in plain words."""
    if flip.high is None and not flip.tried_to.value:
        return "The attack found no example at all, which says nothing about robustness."
    if flip.high is None:
        return (
            f"No ε up to {flip.tried_to.label} turned the reading; a stronger attack still might."
        )
    high, low = _apart(flip.high, flip.low)
    again = "tried again, it did" if flip.verified else "tried again, it did not"
    return f"The smallest ε found to turn the reading is {high} ({again}); at {low} it failed."


def survival_sentence(saved: Mapping[str, Saved]) -> str:
    """Whether the flip of an example outlives its being saved; empty where there was none."""
    kept = {name: s.survives for name, s in saved.items() if s.survives is not None}
    if not kept:
        return ""
    titles = {"png": "an 8-bit PNG", "jpeg95": "a JPEG of quality 95"}
    lasts = [titles.get(name, name) for name, survives in kept.items() if survives]
    lost = [titles.get(name, name) for name, survives in kept.items() if not survives]
    if not lost:
        return f"Saved as {' or '.join(lasts)}, the image still reads differently."
    if not lasts:
        return f"Saved as {' or '.join(lost)}, the flip is lost."
    return (
        f"Saved as {lasts[0]}, the image still reads differently; as {lost[0]}, the flip is lost."
    )


def _apart(high: Epsilon, low: Epsilon) -> tuple[str, str]:
    """Two ε of a bracket, with as many digits as it takes to tell them apart."""
    for digits in range(3, 9):
        texts = _precise(high, digits), _precise(low, digits)
        if texts[0] != texts[1]:
            break
    return texts


def _precise(eps: Epsilon, digits: int) -> str:
    if eps.normalised:
        return f"{eps.value:.{digits}g} normalised"
    return distance_text(eps.value, eps.norm, digits)


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
