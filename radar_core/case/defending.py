"""What cheap defences would have made of a case, against an attacker who does not know them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from radar_core.runtime import Progress, generator

if TYPE_CHECKING:
    from radar_core.case.result import CaseResult
    from radar_core.models.classifier import Classifier
    from radar_core.types import Reading

Outcome = Literal["stops it", "does not stop it", "stops nothing", "disturbs the clean image"]


@dataclass(frozen=True)
class Defended:
    """Clean and attacked image of a case, read behind a defence.

    Attributes:
        title: of the defence, or of the model that read in the place of the case's.
        passes: forward passes an image.
        outcome: *stops it* where the attacked image reads again what the clean one read without the
            defence, and the clean one still does; *disturbs the clean image* where this one no
            longer does; *stops nothing* where there was nothing to stop.
    """

    title: str
    clean: Reading
    attacked: Reading
    passes: int
    outcome: Outcome

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def run_defences(
    result: CaseResult,
    model: Classifier,
    *,
    hardened: Sequence[Classifier] = (),
    progress: Progress | None = None,
) -> Iterator[tuple[Defended, ...]]:
    """Read a case behind every registered defence, giving what there is after each.

    Args:
        result: attacked.
        model: of the case.
        hardened: adversarially trained models of the same classes, which read in its place.

    Raises:
        Cancelled: the watcher asked to stop.
    """
    import torch

    from radar_core.defences import DEFENCES

    assert result.attack is not None
    progress = progress or Progress()
    pair = torch.cat([result.clean[None], result.attack.images]).to(model.device)
    names = list(DEFENCES)
    found: tuple[Defended, ...] = ()
    for number, name in enumerate(names):
        defence = DEFENCES.create(name)
        progress.step(number / (len(names) + len(hardened)), defence.title)
        views = defence.views(pair, generator(result.spec.seed, f"defence/{name}"))
        shares = model.probabilities(views.flatten(0, 1)).unflatten(0, views.shape[:2]).mean(0)
        clean, attacked = (model.reading(row) for row in shares.cpu())
        found += (_defended(result, defence.title, clean, attacked, len(views)),)
        yield found
    for number, other in enumerate(hardened):
        progress.step((len(names) + number) / (len(names) + len(hardened)), other.name)
        clean, attacked = (
            other.read(other.prepare(image.cpu()).to(other.device))[0] for image in pair
        )
        found += (_defended(result, other.name, clean, attacked, 1),)
        yield found
    progress.step(1.0, "defended")


def _defended(
    result: CaseResult, title: str, clean: Reading, attacked: Reading, passes: int
) -> Defended:
    assert result.attack is not None
    before = result.clean_reading.label
    outcome: Outcome = "stops it" if attacked.label == before else "does not stop it"
    if clean.label != before:
        outcome = "disturbs the clean image"
    elif result.attack.readings_attacked[0].label == before:
        outcome = "stops nothing"
    return Defended(title, clean, attacked, passes, outcome)


def said(found: Sequence[Defended]) -> str:
    """What came out, as a sentence."""
    if any(one.outcome == "stops nothing" for one in found):
        return "The attack did not turn the reading, so there was nothing to stop."
    stopped = [one.title for one in found if one.outcome == "stops it"]
    if not stopped:
        return "None of these would have stopped it."
    names = stopped[0] if len(stopped) == 1 else f"{', '.join(stopped[:-1])} and {stopped[-1]}"
    return (
        f"{names} would have stopped it, against an attacker who does not know of the defence; one "
        "who does can attack through it."
    )
