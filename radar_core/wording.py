"""Sentences about a value in its noise floor, and about attribution against a mask."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from radar_core.floor import ENOUGH
from radar_core.verdict import percent

if TYPE_CHECKING:
    from radar_core.floor import Place

PEOPLE = ("Pearson", "Spearman")  # the first words of metric titles that keep their capital
POINTS = 0.10  # shares of the attribution that differ by less are not told apart


def noise_sentence(explainer_title: str, metric_title: str, place: Place, unit: str = "") -> str:
    """Where a metric's value stands among those of benign noise of the same size.

    Args:
        unit: the metric's own, said behind its value.
    """
    metric = f"{_possessive(explainer_title)} {within_a_sentence(metric_title)}"
    if not math.isfinite(place.value):
        return f"{metric} is not defined here, so it cannot be held against benign noise."
    said = f"{metric} of {_number(place.value, unit)}"
    if place.percentile is None:
        return f"{said} has no benign noise of the same size to be held against."
    at = f"{percentile(place)} of {place.controls}"
    if place.word == "not defined":
        return (
            f"{said} stands among too little benign noise of the same size to be judged "
            f"({at}; it takes {ENOUGH})."
        )
    if place.word == "within noise":
        return f"{said} is within what benign noise of the same size does ({at})."
    does = {
        "unusual": "unusual against benign noise of the same size",
        "far outside noise": "far outside what benign noise of the same size does",
    }[place.word]
    return f"{said} is {does} ({at}); not by itself evidence of tampering."


def evidence_sentence(
    explainer_title: str, mask_name: str, clean: float, attacked: float, area: float
) -> str:
    """Whether the attribution left a mask, from its evidence shares and the mask's area share.

    An even map has the area share. Attribution *is on* the mask where its share exceeds the area by
    10 points, or, for a mask of less than a tenth of the image, by the area itself: twice what an
    even map has. By the same margin shares are told apart. If the clean map is on the mask, the
    attribution *left* it where the attacked share is not above the area, *moved partly out* where
    it fell by the margin and is still above, and *stayed* otherwise. If the clean map is not, the
    attribution *moved onto* the mask where the attacked map is, and was *never clearly more* on it
    than an even map would be otherwise.

    Args:
        mask_name: as a sentence has it, such as "lesion".
        clean, attacked: evidence shares; NaN for a map without attribution.
        area: share of the image that the mask covers.
    """
    if not area > 0:
        return f"There is no {mask_name} marked in this image to hold the attribution against."
    if math.isnan(clean) and math.isnan(attacked):
        return f"{explainer_title} gives no attribution at all, in neither image."
    covers = f"the {mask_name} covers {percent(area)} of the image"
    if math.isnan(clean) or math.isnan(attacked):
        empty, other = ("clean", "attacked")[:: 1 if math.isnan(clean) else -1]
        share = percent(attacked if math.isnan(clean) else clean)
        return (
            f"{explainer_title} gives no attribution at all in the {empty} image; in the {other} "
            f"one, {share} of it lay inside the {mask_name}; {covers}."
        )
    return (
        f"The attribution {_went(clean, attacked, area)} the {mask_name}"
        f"{'' if _on(clean, area) or _on(attacked, area) else ' than an even map would be'}: "
        f"{percent(clean)} of {explainer_title} lay inside it in the clean image, "
        f"{percent(attacked)} in the attacked one; {covers}."
    )


def percentile(place: Place) -> str:
    """The percentile of a place that has one: 98th percentile.

    Never the 100th: above all of the controls is not above all that benign noise can do.
    """
    assert place.percentile is not None
    return f"{ordinal(min(max(round(place.percentile), 1), 99))} percentile"


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th, 21st."""
    teens = 11 <= number % 100 <= 13
    return f"{number}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def _went(clean: float, attacked: float, area: float) -> str:
    if not _on(clean, area):
        return "moved onto" if _on(attacked, area) else "was never clearly more on"
    if attacked <= area:
        return "left"
    return "moved partly out of" if _apart(clean, attacked, area) else "stayed on"


def _on(share: float, area: float) -> bool:
    return _apart(share, area, area)


def _apart(more: float, less: float, area: float) -> bool:
    return more - less >= min(POINTS, area) - 1e-9  # 0.44 − 0.34 is a little below 0.10


def _possessive(title: str) -> str:
    return f"{title}'" if title.endswith("s") else f"{title}'s"


def within_a_sentence(title: str) -> str:
    """A title with a small first letter, but for abbreviations and people."""
    first = title.split(" ", 1)[0]
    if first in PEOPLE or not first[1:].islower():
        return title
    return title[:1].lower() + title[1:]


def _number(value: float, unit: str) -> str:
    """A value with its unit; as many decimals as it takes to tell it from a whole number."""
    share = unit.startswith("of ")
    shown = 100 * value if share else value
    for digits in range(1 if share else 2, 7):
        text = f"{shown:.{digits}f}"
        if shown == round(shown) or float(text) != round(shown):
            break
    return f"{text.replace('-', '−')}{' %' if share else ''} {unit}".rstrip()


def sentence(text: str) -> str:
    """An error's words as a sentence: a capital first letter (a symbol such as ε stays), a stop."""
    text = text.strip()
    end = "" if text.endswith((".", "!", "?")) else "."
    first = text[:1].upper() if text[:1].isascii() else text[:1]
    return f"{first}{text[1:]}{end}"


def count(number: int, what: str) -> str:
    """So many of something."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """How long something takes, to the two figures that anybody needs."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    hours = seconds / 3600
    if hours < 48:
        return f"{hours:.2g} h" if hours < 10 else f"{hours:.0f} h"
    return f"{hours / 24:.0f} days" if hours < 24 * 365 * 2 else f"{hours / 24 / 365:.0f} years"
