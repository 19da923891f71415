"""A case along the ε axis in one blob: the frames that the slider of the viewer moves through.

A frame is shown as the case at its ε would be; one that is still to be computed is `pending`.
Pictures of frame i are named `attacked-image@i`; those without a number are the same in all frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from radar_core.epsilon import parse_epsilon
from radar_core.view.blob import pack, unpack
from radar_core.view.metric_words import by_role, short
from radar_core.view.panels import CaseView, column, columns_of, pictures_of, shown

if TYPE_CHECKING:
    from radar_core.case import CaseResult, CurveResult, FloorResult

ELSEWHERE = "{} is computed where the slider rests: for every ε it costs too much"


@dataclass(frozen=True, eq=False)
class CurveView:
    """A stage of a curve with the pictures of its frames, ready to be packed."""

    result: CurveResult
    pictures: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Memory held, for the bound of the job store."""
        return self.result.nbytes + sum(map(len, self.pictures.values()))


def curve_view(result: CurveResult, before: CurveView | None = None) -> CurveView:
    """The pictures of all frames; those that were there before are not made again."""
    pictures = dict(before.pictures) if before else {}
    for i in result.known:
        wanted = [
            "attacked-image",
            *(f"attacked-{id}" for id in result.maps if i in result.maps[id]),
        ]
        if all(f"{name}@{i}" in pictures for name in wanted):
            continue
        for name, raw in pictures_of(_frame_alone(result, i)).items():
            pictures.setdefault(name if name.startswith("clean-") else f"{name}@{i}", raw)
    return CurveView(result, pictures)


def composed(
    view: CaseView,
    curve: CurveView | None = None,
    floor: FloorResult | None = None,
    *,
    growing: bool = False,
    look: bool = False,
    asked: str | None = None,
) -> bytes:
    """The blob of a case, with the frames of its curve and the words of its noise floor.

    Args:
        curve: of the same specification but for ε, as far as it is computed.
        floor: of this case.
        growing: whether more of the curve is to come.
        look: whether to leave out the numbers and what changes how maps are drawn.
        asked: another ε of this curve, whose case is still to be computed: ε stands there, if its
            frame is known.
    """
    if curve is None and floor is None and not look:
        return view.blob
    header, pictures = unpack(view.blob)
    header["look"] = look
    case = view.result
    if curve is None:
        _add_words(header["strip"], case, floor)
        return pack(header, pictures)
    own = shown(case)
    _add_words(own["strip"], case, floor)
    at = curve.result.at(case.spec.eps)
    frames: list[dict[str, Any]] = []
    for i, eps in enumerate(curve.result.axis):
        frame: dict[str, Any] = {"eps": eps.text, "label": eps.label}
        if i in curve.result.frames:
            whole = _frame(case, curve.result, i, own=i == at)
            if i == at:
                frame |= shown(whole)
                _add_words(frame["strip"], case, floor)
            else:
                columns = _columns(whole, case, curve.result, growing)
                frame |= shown(whole, columns)
                _settle(frame["strip"], whole, columns)
        elif i == at:
            frame |= own
        else:
            frame |= {"pending": True, "columns": []}
        frames.append(frame)
    if at is None:  # an example at its own distance stands beyond the axis
        at = len(frames)
        label = parse_epsilon(case.spec.eps, curve.result.one.norm).label
        frames.append({"eps": case.spec.eps, "label": label, **own})
    named = {
        name if name.startswith("clean-") else f"{name}@{at}": raw for name, raw in pictures.items()
    }
    axis = replace(curve.result.spec, explainers=case.spec.explainers).key()
    header |= {"axis": axis, "frames": frames, "at": at}
    if asked is not None:
        there = curve.result.at(asked)
        header["at"] = there if there in curve.result.frames else at
        header["stage"] = "waiting"
    return pack(header, {**curve.pictures, **named})


def _frame_alone(curve: CurveResult, i: int) -> CaseResult:
    """Frame i as a case of its own, with what the curve knows of it."""
    from radar_core.case import CaseResult

    frame = curve.frames[i]
    found = {id: maps[i] for id, maps in curve.maps.items() if i in maps}
    return CaseResult(
        spec=replace(curve.spec, eps=frame.eps),
        case=curve.case,
        clean=frame.clean[0].cpu(),
        clean_reading=curve.clean_reading,
        model_sha256="",
        attack=frame,
        saved=curve.saved[i],
        explanations={id: mapped.explanation for id, mapped in found.items()},
        scores={id: mapped.scores for id, mapped in found.items()},
        stage="done",
    )


def _frame(case: CaseResult, curve: CurveResult, i: int, *, own: bool) -> CaseResult:
    """Frame i of a case's curve; at the case's own ε, with all that the case itself knows."""
    alone = _frame_alone(curve, i)
    spec = replace(case.spec, eps=alone.spec.eps)
    # In the order of the case's explainers: the first one gives the sentence and the strip.
    known = {**alone.explanations, **(case.explanations if own else {})}
    scores = {**alone.scores, **(case.scores if own else {})}
    order = [id for id in spec.explainers if id in known]
    return replace(
        alone,
        spec=case.spec if own else spec,
        attack=(case.attack if own else None) or alone.attack,
        explanations={id: known[id] for id in order},
        scores={id: scores[id] for id in order},
        unexplained=case.unexplained,
        stage=case.stage if own else "done",
    )


def _columns(
    frame: CaseResult, case: CaseResult, curve: CurveResult, growing: bool
) -> list[dict[str, Any]]:
    """The columns of a frame away from the case's own ε, where some maps are not computed."""
    from radar_core.explainers import EXPLAINERS

    columns = columns_of(frame, costs=False)
    for place, given in enumerate(columns):
        if given["state"] in ("ready", "failed"):
            continue
        title, own = short(EXPLAINERS[given["id"]].title), case.explanations.get(given["id"])
        # Its clean map, the same at all ε, is shown all the same.
        clean: dict[str, Any] = {"signed": own.signed} if own else {}
        if growing and given["id"] in curve.spec.explainers:
            wait = f"{title} comes for every ε"
            columns[place] = column(given["id"], title, wait=wait, **clean)
        else:
            said = ELSEWHERE.format(title)
            columns[place] = column(given["id"], title, state="elsewhere", wait=said, **clean)
    return columns


def _settle(
    strip: list[dict[str, str]], frame: CaseResult, columns: Sequence[Mapping[str, Any]]
) -> None:
    """Numbers of the first explainer that are not to come for this frame are no longer awaited."""
    leader = next((id for id in frame.spec.explainers if id not in frame.unexplained), None)
    if any(c["id"] == leader and c["state"] == "elsewhere" for c in columns):
        for cell in strip:
            cell["value"] = cell["value"].replace("…", "—")


def _add_words(strip: list[dict[str, str]], case: CaseResult, floor: FloorResult | None) -> None:
    """Say beside the numbers of the first explainer where they stand among harmless noise."""
    if floor is None:
        return
    leader = next((id for id in case.spec.explainers if id in case.scores), "")
    words = {
        metric.title: floor.places[leader][name]
        for name, metric in by_role()
        if name in floor.places.get(leader, {})
    }
    for cell in strip:
        place = words.get(cell["title"])
        if place is not None and place.percentile is not None and place.word != "not defined":
            cell["note"] = place.word
            cell["help"] += f". Against benign noise of the same size: {place.word}"
