"""The numbers of a report: up front, in tables with their places in the noise, and along ε."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from radar_core.epsilon import NORM_TITLES, Epsilon
from radar_core.localisation import area
from radar_core.report.blocks import (
    Bar,
    Bars,
    Block,
    Bullets,
    Cell,
    Chart,
    Charts,
    Figure,
    Paragraph,
    Series,
    Strip,
    Table,
)
from radar_core.verdict import (
    certainty,
    distance_text,
    flip_sentence,
    survival_sentence,
)
from radar_core.view.metric_words import by_role, metric_text, same_map, short
from radar_core.view.panels import shown
from radar_core.wording import evidence_sentence, noise_sentence, percentile, sentence

if TYPE_CHECKING:
    from radar_core.case import CaseResult, CurveResult, FloorResult
    from radar_core.floor import Place

CHARTS_BESIDE = 3
SAVED = {"png": "PNG", "jpeg95": "JPEG 95"}
LESION = "lesion"


def strip(result: CaseResult, floor: FloorResult | None) -> Strip:
    """The reading and the first explainer's headline metrics, as the page has them."""
    leader = next((id for id in result.spec.explainers if id in result.scores), "")
    places = floor.places.get(leader, {}) if floor else {}
    words = {metric.title: _word(places[name]) for name, metric in by_role() if name in places}
    figures = []
    for cell in shown(result)["strip"]:
        note = cell["note"]
        if words.get(cell["title"]):
            note = f"{note}: {words[cell['title']]}"
        figures.append(Figure(cell["title"], cell["value"], note))
    return Strip(figures)


def bars(result: CaseResult) -> Bars:
    """What the model gives each class, or the likeliest of many."""
    found = shown(result)["bars"]
    return Bars(
        found["title"],
        [
            Bar(
                row["label"],
                (row["clean"][0], row["clean"][1]),
                (row["attacked"][0], row["attacked"][1]) if row["attacked"] else None,
                row["mark"],
            )
            for row in found["rows"]
        ],
    )


def consistency(result: CaseResult, floor: FloorResult | None) -> list[Block]:
    """How alike the maps stayed: sentences, the headline metrics, then all others."""
    from radar_core.explainers import EXPLAINERS

    missing = [
        f"{short(EXPLAINERS[id].title)} gave no map: {sentence(why)}"
        for id, why in result.unexplained.items()
    ]
    blocks: list[Block] = []
    if result.scores:
        blocks = [Paragraph(about_floor(result, floor)), _places(result, floor)]
        for roles in (("headline",), ("further", "paper")):
            metrics = [
                (name, metric)
                for name, metric in by_role()
                if metric.role in roles and any(name in s for s in result.scores.values())
            ]
            if metrics:
                blocks.append(_table(result, floor, metrics))
                equal = " ".join(f"{m.title}: {same_map(m)}." for _, m in metrics)
                blocks.append(Paragraph(equal, quiet=True))
    elif not missing:
        blocks = [Paragraph("No explanation was asked for, so there is nothing to compare.")]
    if missing:
        blocks.append(Bullets(missing))
    return [block for block in blocks if not (isinstance(block, Bullets) and not block.items)]


def about_floor(result: CaseResult, floor: FloorResult | None) -> str:
    """What the numbers are held against, or why they stand alone."""
    from radar_core.attacks import ATTACKS

    attack = result.attack
    assert attack is not None
    if not (attack.linf[0] if attack.norm == "linf" else attack.l2[0]):
        return "The attack changed nothing, so there is no noise of its size to hold them against."
    if floor is None or not floor.places:
        return (
            "The noise floor is missing: it was not computed for this report. These numbers alone "
            "do not tell what the attack did from what harmless noise of its size would do."
        )
    norm: Any = floor.norm
    size = distance_text(floor.size, norm).removeprefix("L2 ")
    kind: str = ATTACKS[floor.kind].title
    said = (
        f"Held against {len(floor.readings)} harmless changes as large as the attack "
        f"({kind}, {NORM_TITLES[norm]} {size}), each explained as the attacked image was; "
        f"{floor.turned or 'none'} of them change{'s' if floor.turned == 1 else ''} the reading."
    )
    lacks = [short(e.title) for id, e in result.explanations.items() if id not in floor.places]
    if lacks:
        said += f" Not held against noise for this report: {', '.join(lacks)}."
    return said if floor.stage == "done" else f"{said} More of them were still being computed."


def _places(result: CaseResult, floor: FloorResult | None) -> Bullets:
    """The first metric of each explainer against the noise, as a sentence."""
    said = []
    for id, places in (floor.places if floor else {}).items():
        name, metric = next((n, m) for n, m in by_role() if n in places)
        title = short(result.explanations[id].title)
        said.append(noise_sentence(title, metric.title, places[name], metric.unit))
    return Bullets(said)


def _table(result: CaseResult, floor: FloorResult | None, metrics: list[tuple[str, Any]]) -> Table:
    rows = []
    for id, scores in result.scores.items():
        places = floor.places.get(id, {}) if floor else {}
        again = floor.repeats.get(id, {}) if floor else {}
        row = [Cell(short(result.explanations[id].title))]
        for name, metric in metrics:
            if name not in scores:
                row.append(Cell("—"))
                continue
            notes = [word] if name in places and (word := _word(places[name])) else []
            if name in again:
                notes.append(f"another seed {metric_text(again[name], metric.unit)}")
            row.append(Cell(metric_text(scores[name], metric.unit), "; ".join(notes)))
        rows.append(row)
    titles = [metric.title for _, metric in metrics]
    return Table(f"{', '.join(titles)} of each explainer", ["Explainer", *titles], rows)


def _word(place: Place) -> str:
    """The word of a place and its percentile; nothing where the value is not defined."""
    if place.percentile is None:
        return "no noise to compare" if math.isfinite(place.value) else ""
    word = place.word if place.word != "not defined" else "among too few controls to judge"
    return f"{word}, {percentile(place)}"


def evidence(result: CaseResult, floor: FloorResult | None) -> list[Block]:
    """Whether the attribution lies where the lesion is, for an image with a mask of it."""
    mask = result.masks.get(LESION)
    if mask is None or not result.evidence:
        return []
    said = []
    for id, found in result.evidence.items():
        title = short(result.explanations[id].title)
        text = evidence_sentence(title, LESION, *found[LESION]["evidence_share"], area(mask))
        place = floor.evidence_places.get(id, {}).get(LESION) if floor else None
        if place is not None and place.percentile is not None:
            text += f" Held against noise, the change of this share is {_word(place)}."
        said.append(text)
    return [Bullets(said)]


def along(result: CaseResult, curve: CurveResult | None) -> list[Block]:
    """The case at every ε, or why it is not here."""
    from radar_core.attacks import ATTACKS

    attack = ATTACKS[result.spec.attack]
    if attack.placing == "own":
        text = f"{attack.title} has no ε: its strength is a parameter of its own."
        return [Paragraph(text), *_survival(result)]
    if curve is None or not curve.frames:
        text = (
            "The ε curve is missing: the case at other ε was not computed for this report, so "
            "nothing is said here about the smallest ε that turns the reading."
        )
        return [Paragraph(text), *_survival(result)]
    said = flip_sentence(curve.flip) if curve.flip else "The smallest ε was still being sought."
    if curve.stage != "done":
        said += " More of the curve was still being computed when this report was made."
    charts = [_readings(result, curve)]
    charts += [_drift(result, curve, id) for id in curve.scores if id in result.explanations]
    rows = [charts[at : at + CHARTS_BESIDE] for at in range(0, len(charts), CHARTS_BESIDE)]
    marked = "The grey bar marks this case." if charts[0].now is not None else ""
    return [
        Paragraph(said),
        *_survival(result),
        *(Charts(row) for row in rows),
        *([Paragraph(marked, quiet=True)] if marked else []),
        _frames(curve),
    ]


def _survival(result: CaseResult) -> list[Block]:
    said = survival_sentence(result.saved)
    return [Paragraph(said)] if said else []


def _place(eps: Epsilon) -> float:
    """Where an ε stands on its axis: in grey levels where it bounds single pixels."""
    return eps.value if eps.normalised or eps.norm == "l2" else eps.value * 255


def _chart(
    result: CaseResult, curve: CurveResult, title: str, alt: str, series: list[Series], **more: Any
) -> Chart:
    last = curve.axis[-1]
    number = curve.at(result.spec.eps)
    unit = "grey levels of 255" if last.norm == "linf" else "L2 of the whole change"
    return Chart(
        title,
        alt,
        f"ε, {'normalised units' if last.normalised else unit}",
        [_place(curve.axis[i]) for i in curve.known],
        series,
        log=last.normalised,
        now=_place(curve.axis[number]) if number in curve.known else None,
        flip=_place(curve.flip.high) if curve.flip and curve.flip.high is not None else None,
        **more,
    )


def _readings(result: CaseResult, curve: CurveResult) -> Chart:
    first, new = curve.clean_reading.label, curve.new
    series = [
        Series(
            f"{what}: {label}",
            [curve.frames[i].readings_attacked[0].probabilities[label] for i in curve.known],
        )
        for label, what in ((first, "First reading"), (new, "Other class"))
    ]
    alt = f"Probability of {first} and of {new} at each ε."
    return _chart(result, curve, "Probability", alt, series)


def _drift(result: CaseResult, curve: CurveResult, id: str) -> Chart:
    """The headline metrics of one explainer, the map at each ε against the clean one."""
    title = short(result.explanations[id].title)
    series = [
        Series(metric.title, curve.scores[id][name])
        for name, metric in by_role()
        if metric.role == "headline" and name in curve.scores[id]
    ]
    below = any(value < 0 for one in series for value in one.values if math.isfinite(value))
    alt = f"Consistency of the {title} map at each ε with that of the clean image, by metric."
    name = f"{title} map, for {curve.explained}"
    return _chart(result, curve, name, alt, series, low=-1.0 if below else 0.0)


def _frames(curve: CurveResult) -> Table:
    first = curve.clean_reading.label
    rows = []
    lasts = {None: "—", True: "still flipped", False: "lost"}
    for i in curve.known:
        eps, frame, saved = curve.axis[i], curve.frames[i], curve.saved[i]
        now = frame.readings_attacked[0]
        cells = [
            eps.label,
            frame.status[0],
            now.label,
            certainty(now.probabilities[first]),
            distance_text(frame.linf[0], "linf"),
            f"{frame.l2[0]:.3g}",
            *(lasts[saved[name].survives] for name in ("png", "jpeg95") if name in saved),
        ]
        rows.append([Cell(text) for text in cells])
    head = ["ε", "Status", "Reads", f"P({first})", "L∞ reached", "L2 reached"]
    head += [
        f"saved as {SAVED.get(n, n)}" for n in ("png", "jpeg95") if n in curve.saved[curve.known[0]]
    ]
    return Table("The case at every ε", head, rows, first=1.0, dense=True)
