"""Method and limits of a report, in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from radar_core.epsilon import NORM_TITLES
from radar_core.metrics import METRICS
from radar_core.report.blocks import Block, Bullets
from radar_core.view.metric_words import by_role, short

if TYPE_CHECKING:
    from radar_core.case import CaseResult, FloorResult

NOT_A_DEVICE = "Research software, not a medical device."
NORMS = {
    "linf": "the largest change of any single value",
    "l2": "the length of the whole change, as the root of its summed squares",
}


def method(result: CaseResult, floor: FloorResult | None) -> Bullets:
    """How the numbers came about, for a reader who is no engineer."""
    from radar_core.attacks import ATTACKS
    from radar_core.explainers import EXPLAINERS

    attack = ATTACKS[result.spec.attack]
    reached = result.attack
    assert reached is not None
    benign = attack.family == "benign"
    said = [
        "Image: What the model sees, cut to its square; every value lies between 0 and 1. "
        "A distance of 1/255 is one grey level of a usual picture file.",
        f"{'Change' if benign else 'Attack'}: {attack.title} ({attack.source}). "
        f"{_first(attack.__doc__)} Its size ε is measured in {NORM_TITLES[reached.norm]}: "
        f"{NORMS[reached.norm]}.",
    ]
    if result.explanations:
        said.append(
            "Explanations: The clean and the attacked image are explained as a pair: for the same "
            "class, with the same background, superpixels, masks and random draws, so that what "
            "differs comes from the image."
        )
    for id in result.explanations:
        one = EXPLAINERS[id]
        said.append(f"{short(one.title)}: {_first(one.__doc__)} ({one.source})")
    for name, metric in by_role():
        if metric.role == "headline" and any(name in s for s in result.scores.values()):
            said.append(f"{metric.title}: {_first(METRICS[name].__doc__)} ({metric.source})")
    if floor is not None and floor.places:
        said.append(
            "Noise floor: The same image, changed harmlessly by as much as the attack changed it, "
            "is explained again and again. The percentile says how far the attack stands out among "
            "these. Unusual: at most one in twenty would depart as much by chance. Far outside "
            "noise: beyond the farthest of them by more than their whole spread."
        )
    if result.explanations:
        said.append(
            "Maps on paper: The darker, the more attribution; hatched, it speaks against the "
            "class. Each map is scaled to its own 99.7th percentile, so darkness does not compare "
            "sizes between maps. Lines surround the strongest tenth of the smoothed map."
        )
    return Bullets(said, named=True)


def _first(doc: str | None) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join((doc or "").strip().split("\n\n")[0].split())


def limits(result: CaseResult, floor: FloorResult | None) -> list[Block]:
    """What must not be read into the numbers."""
    said = [
        f"{NOT_A_DEVICE} It must not guide the care of any patient.",
        "One image, one model, one attack: nothing follows from it for other images or models.",
        "A probability is the model's own figure, not the chance that a person has a disease.",
        "An attack that fails does not make a model robust: another one may succeed.",
        "A map shows what its method attributes. It is no proof of why the model reads as it "
        "does, and methods differ among themselves.",
        "Unusual against benign noise is not by itself evidence of tampering, and it takes the "
        "clean image to tell: for an image that comes alone, none of this can be computed.",
    ]
    if floor is not None and floor.places:
        count = len(floor.readings)
        said.append(
            f"{count} harmless changes tell no more finely than one in {count + 1}, and they are "
            "of one kind."
        )
    if result.case.synthetic:
        said.append("This image is synthetic: a program drew it, and there is no patient.")
    return [Bullets(said, small=True)]


def parameters(values: Any) -> str:
    """Settings as one line: steps 20, restarts 1."""
    return ", ".join(f"{name.replace('_', ' ')} {_value(v)}" for name, v in values.items())


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return " and ".join(map(_value, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)
