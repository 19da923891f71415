"""What the report of a case says, from its results to blocks of text, numbers and pictures."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from radar_core.epsilon import NORM_TITLES, parse_epsilon
from radar_core.report import numbers, words
from radar_core.report.blocks import Block, Code, Content, Facts, Paragraph, Section
from radar_core.report.pictures import grids
from radar_core.runtime import machine
from radar_core.verdict import certainty, distance_text, percent, verdict
from radar_core.view.metric_words import short

if TYPE_CHECKING:
    from radar_core.case import CaseResult, CurveResult, FloorResult

HASHES = {
    "image": "Image, sha256",
    "model": "Model, sha256",
    "attacked": "Attacked image, sha256",
    "spec": "Settings, key",
}


def content(
    result: CaseResult,
    floor: FloorResult | None,
    curve: CurveResult | None,
    made: datetime,
) -> Content:
    """The report of an attacked case."""
    lead: list[Block] = [Paragraph(text, notice=True) for text in result.notes]
    lead.append(numbers.strip(result, floor))
    sections = [
        Section("What the model sees, and what explains its reading", _pictures(result)),
        Section("What the model reads", [numbers.bars(result)]),
        Section(
            "How alike the explanations of the clean and of the attacked image are",
            numbers.consistency(result, floor),
        ),
        Section("Where the attribution lies", numbers.evidence(result, floor)),
        Section("The case at every ε", numbers.along(result, curve)),
        Section("Method, in plain words", [words.method(result, floor)]),
        Section("Limits", words.limits(result, floor)),
        Section("To repeat it", _record(result, floor, curve)),
    ]
    return Content(
        title=result.case.id,
        tags=_tags(result),
        made=f"{made:%Y-%m-%d %H:%M} {made.tzname() or ''}".rstrip(),
        verdict=verdict(result),
        lead=lead,
        sections=[section for section in sections if section.blocks],
    )


def _tags(result: CaseResult) -> list[str]:
    from radar_core.attacks import ATTACKS

    tags = ["synthetic image"] if result.case.synthetic else []
    if result.case.label:
        tags.append(f"true label {result.case.label}")
    attack = result.attack
    assert attack is not None
    eps = parse_epsilon(result.spec.eps, attack.norm)
    return [
        *tags,
        f"model {result.spec.model}",
        f"{ATTACKS[result.spec.attack].title}, ε {eps.label}"
        if eps.bounded
        else ATTACKS[result.spec.attack].title,
    ]


def _pictures(result: CaseResult) -> list[Block]:
    blocks: list[Block] = [*grids(result)]
    if result.explanations:
        blocks.append(
            Paragraph(
                "Maps: the darker, the more attribution; hatched, it speaks against the class. "
                "Solid line: around the strongest tenth of this map; dashed: of the clean one. "
                "Difference of maps: dark where attribution came, hatched where it went.",
                quiet=True,
            )
        )
    return blocks


def _record(
    result: CaseResult, floor: FloorResult | None, curve: CurveResult | None
) -> list[Block]:
    """Settings, seeds, hashes, versions and commands."""
    values = result.as_dict()
    return [
        Facts([*_settings(result), *_explained(result)]),
        Facts([(HASHES.get(name, name), str(hash)) for name, hash in values["hashes"].items()]),
        Facts(
            [
                ("Ran on", f"{machine().name}, {machine().device}, {machine().precision}"),
                ("Versions", ", ".join(f"{k} {v}" for k, v in values["versions"].items())),
            ]
        ),
        Code(result.spec.report_command(floor=bool(floor), curve=bool(curve))),
    ]


def _settings(result: CaseResult) -> list[tuple[str, str]]:
    from radar_core.attacks import ATTACKS

    attack, spec = result.attack, result.spec
    assert attack is not None
    pixels = attack.images.shape[-1] * attack.images.shape[-2]
    allowed = parse_epsilon(attack.eps, attack.norm).label
    facts = [
        ("Image", f"{result.case.id} of {spec.data}"),
        ("Attack", f"{ATTACKS[spec.attack].title}: {words.parameters(attack.parameters)}"),
        (
            "ε allowed",
            f"{allowed}, in {NORM_TITLES[attack.norm]}",
        ),
        ("Towards", spec.towards or "any other class"),
        ("Status", attack.status[0]),
        ("L∞ reached", f"{attack.linf[0]:.5f} = {distance_text(attack.linf[0], 'linf')}"),
        ("L2 reached", f"{attack.l2[0]:.4f} = {attack.l2[0] * 255:,.0f}/255"),
        (
            "Pixels changed",
            f"{percent(attack.changed[0])}, {round(attack.changed[0] * pixels):,} of {pixels:,}",
        ),
    ]
    if attack.distances and attack.distances[0] is not None:
        facts.append(("Nearest example", distance_text(attack.distances[0], attack.norm)))
    for name, saved in result.saved.items():
        reading = saved.reading
        facts.append(
            (
                f"As {numbers.SAVED.get(name, name)}, reads",
                f"{reading.label} {certainty(reading.probability)}",
            )
        )
    if attack.facts:
        facts.append(("The attack says", words.parameters(attack.facts)))
    return [*facts, ("Seed", str(spec.seed))]


def _explained(result: CaseResult) -> list[tuple[str, str]]:
    facts = []
    for one in result.explanations.values():
        said = [f"for {one.targets[0]}", words.parameters(one.parameters)]
        said.append(words.parameters({k: v for k, v in one.facts.items() if k != "empty"}))
        said.append(f"{one.passes.forward:,} forward and {one.passes.backward:,} backward passes")
        facts.append((short(one.title), "; ".join(text for text in said if text)))
    return facts
