"""A case, as far as it is computed, as the blob that the viewer shows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from radar_core.epsilon import parse_epsilon
from radar_core.pictures import difference, levels, to_pixels
from radar_core.verdict import certainty, named, percent, verdict
from radar_core.view.blob import pack, png
from radar_core.view.contour import outline
from radar_core.view.metric_words import (
    UNDEFINED,
    by_role,
    epsilon_label,
    metric_text,
    raw_range,
    same_map,
    short,
)
from radar_core.wording import sentence

if TYPE_CHECKING:
    from radar_core.case import CaseResult
    from radar_core.types import Explanation

FOCUS = "topk_overlap"  # the metric a tile's caption names
MOST_CLASSES = 12
NO_MAP = "No map for this model"
SCALE = "full colour: own 99.7th percentile"


@dataclass(frozen=True, eq=False)
class CaseView:
    """A stage of a case with the pictures of it, ready to be sent."""

    result: CaseResult
    blob: bytes

    @property
    def nbytes(self) -> int:
        """Memory held, for the bound of the job store."""
        attack = self.result.attack
        tensors = [self.result.case.image, self.result.clean]
        tensors += [attack.images, attack.clean] if attack else []
        tensors += [e.maps for e in self.result.explanations.values()]
        return len(self.blob) + sum(t.numel() * t.element_size() for t in tensors)


def waiting(
    explainers: Sequence[tuple[str, str]], *, eps: str = "", look: bool = False, side: int = 224
) -> bytes:
    """The frame before anything is known: what is to come, without a picture.

    Args:
        explainers: id and title of each.
        eps: see `epsilon_label`.
        look: as in `radar_core.view.frames.composed`.
    """
    columns = [column("image", "Image", state="running", wait="The image is being read…")]
    columns += [
        column(id, title, wait=f"{title} comes after the attack") for id, title in explainers
    ]
    header = _header("waiting", "waiting", side, columns, busy=True, eps=eps)
    return pack({**header, "look": look}, {})


def case_view(result: CaseResult) -> CaseView:
    """The pictures, captions and numbers of a case as far as it is computed."""
    header = _header(
        result.spec.key(),
        result.stage,
        result.clean.shape[-1],
        masks={name: outline(mask.numpy()) for name, mask in result.masks.items()},
        eps=epsilon_label(result.spec),
        **shown(result),
    )
    return CaseView(result, pack(header, pictures_of(result)))


def pictures_of(result: CaseResult) -> dict[str, bytes]:
    """What there is to see, as PNG: `clean-image`, `attacked-gradcam`, `difference-image`, …"""
    clean = result.clean.numpy()
    pictures = {"clean-image": png(to_pixels(clean))}
    if result.attack is not None:
        attacked = result.attack.images[0].cpu().numpy()
        pictures["attacked-image"] = png(to_pixels(attacked))
        pictures["difference-image"] = png(difference(clean, attacked, result.attack.linf[0]))
    for id, explanation in result.explanations.items():
        pictures[f"clean-{id}"], pictures[f"attacked-{id}"] = _encode(explanation)
    return pictures


def shown(result: CaseResult, columns: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """All that is text: columns, captions, the verdict, the numbers above and the probabilities.

    Args:
        columns: without them those of a case that is still being computed.
    """
    return {
        "columns": columns_of(result) if columns is None else columns,
        "captions": _captions(result),
        "verdict": [[part.text, part.kind] for part in verdict(result)],
        "strip": _strip(result),
        "bars": _bars(result),
    }


def _captions(result: CaseResult) -> dict[str, list[str]]:
    captions = {"clean-image": [named(result.clean_reading), ""]}
    if result.attack is not None:
        reached = result.attack.linf[0]
        eps = parse_epsilon(result.spec.eps, result.attack.norm)
        captions["attacked-image"] = [
            named(result.attack.readings_attacked[0]),
            f"ε {eps.label}" if eps.bounded else f"L2 {result.attack.l2[0]:.3g}",
        ]
        gain = f"×{0.5 / reached:.3g}" if reached else "no change"
        captions["difference-image"] = [gain, "grey: unchanged" if reached else ""]
    for id, explanation in result.explanations.items():
        kept = result.scores[id].get(FOCUS, math.nan)
        empty = explanation.facts.get("empty", (False, False))
        nothing = ["", f"no evidence for {explanation.targets[0]}"]
        focus = ["", f"focus kept {percent(kept)}" if math.isfinite(kept) else ""]
        captions[f"attacked-{id}"] = nothing if empty[1] else focus
        captions[f"clean-{id}"] = nothing if empty[0] else ["", "reference"]
        captions[f"difference-{id}"] = ["", "attacked − clean"]
    return captions


def _header(
    key: str,
    stage: str,
    side: int,
    columns: list[dict[str, Any]],
    *,
    busy: bool = False,
    captions: Mapping[str, list[str]] | None = None,
    verdict: Sequence[list[str]] = (),
    strip: Sequence[dict[str, str]] = (),
    bars: Mapping[str, Any] | None = None,
    masks: Mapping[str, str] | None = None,
    eps: str = "",
) -> dict[str, Any]:
    return {
        "key": key,
        "stage": stage,
        "n": side,
        "busy": busy,
        "columns": columns,
        "captions": captions or {},
        "verdict": list(verdict),
        "strip": list(strip),
        "bars": bars or {"title": "Probabilities", "rows": []},
        "masks": masks or {},
        "eps": eps,
        "scale": SCALE if len(columns) > 1 else "",
    }


def column(
    id: str,
    title: str,
    *,
    sub: str = "",
    signed: bool = False,
    state: str = "waiting",
    wait: str = "",
    numbers: Sequence[dict[str, str]] = (),
    why: str = "",
) -> dict[str, Any]:
    """A column of panels.

    Args:
        state: `waiting`, `running`, `ready`, or `failed`: no picture is to come.
        wait: what stands in for a picture; `why` adds, once, why there is none.
        numbers: see `_number`.
    """
    return {
        "id": id,
        "title": title,
        "sub": sub,
        "signed": signed,
        "state": state,
        "wait": wait,
        "numbers": list(numbers),
        "why": why,
    }


def _number(title: str, value: str, kind: str = "", spoken: str = "") -> dict[str, str]:
    """A line beneath a column.

    Args:
        kind: `clean` and `attacked` give their colour; a `metric` is shown on a phone alone, whose
            tiles have room beside them.
        spoken: what the title begins with for those who listen.
    """
    return {"title": title, "value": value, "kind": kind, "spoken": spoken}


def columns_of(result: CaseResult, *, costs: bool = True) -> list[dict[str, Any]]:
    """The columns of a case as far as it is computed.

    Args:
        costs: whether to say what each explanation took.
    """
    from radar_core.attacks import ATTACKS
    from radar_core.explainers import EXPLAINERS

    attack = result.attack
    attack_title = ATTACKS[result.spec.attack].title
    columns = [
        column("image", "Image", state="running", wait=f"{attack_title} is being computed…")
        if attack is None
        else column(
            "image",
            "Image",
            state="ready",
            numbers=[
                _number("L∞ reached", f"{attack.linf[0] * 255:.3g}/255"),
                _number("L2 reached", f"{attack.l2[0]:.3f}"),
                _number("pixels changed", percent(attack.changed[0])),
            ],
        )
    ]
    running = attack is not None
    for id in result.spec.explainers:
        title = short(EXPLAINERS[id].title)
        explanation = result.explanations.get(id)
        if explanation is not None:
            columns.append(
                column(
                    id,
                    title,
                    sub=f"for {explanation.targets[0]}",
                    signed=explanation.signed,
                    state="ready",
                    numbers=_numbers(result, id)[: None if costs else -1],
                )
            )
        elif id in result.unexplained:
            why = sentence(result.unexplained[id])
            columns.append(column(id, title, state="failed", wait=NO_MAP, why=why))
        elif running:
            running = False
            columns.append(column(id, title, state="running", wait=f"{title} is being computed…"))
        else:
            columns.append(column(id, title, wait=f"{title} waits for its turn"))
    return columns


def _numbers(result: CaseResult, explainer: str) -> list[dict[str, str]]:
    """The headline metrics, the range of both maps as computed, and what they took."""
    explanation = result.explanations[explainer]
    first, second = (raw_range(m) for m in explanation.maps[:2].cpu().numpy())
    samples = explanation.facts.get("samples")
    return [
        *(_number(m.title, text, "metric") for m, text in headline(result, explainer)),
        _number("Raw range", "", "metric"),
        _number("clean", first, "clean", spoken="Raw range, "),
        _number("attacked", second, "attacked", spoken="Raw range, "),
        _number("samples", f"{samples:,}")
        if isinstance(samples, int)
        else _number("passes", f"{explanation.passes.forward:,}"),
    ]


def headline(result: CaseResult, explainer: str) -> list[tuple[Any, str]]:
    """The headline metrics of an explainer, each with its value as text."""
    scores = result.scores[explainer]
    return [
        (metric, metric_text(scores[id], metric.unit))
        for id, metric in by_role()
        if metric.role == "headline" and id in scores
    ]


def _strip(result: CaseResult) -> list[dict[str, str]]:
    """The numbers above the panels: the readings, then the first explainer's headline metrics."""
    from radar_core.explainers import EXPLAINERS

    first = result.clean_reading
    now = result.attack.readings_attacked[0] if result.attack else None
    was = certainty(first.probability)
    cells = [
        {
            "title": f"P({first.label})",
            "value": certainty(now.probabilities[first.label]) if now else was,
            "note": f"was {was}" if now else "clean",
        },
        {"title": "Reads now", "value": now.label if now else "…", "note": ""}
        | ({"note": certainty(now.probability)} if now else {}),
    ]
    # The first that has scores, or may still come to have them.
    leader = next((id for id in result.spec.explainers if id not in result.unexplained), None)
    if leader is None:
        return cells
    title = short(EXPLAINERS[leader].title)
    done = dict(headline(result, leader)) if leader in result.scores else {}
    for _, metric in by_role():
        if metric.role == "headline":
            cells.append(
                {
                    "title": metric.title,
                    "value": done.get(metric, "…").replace(UNDEFINED, "—"),
                    "note": title,
                    "help": f"{metric.title} of the two {title} maps: {same_map(metric)}",
                }
            )
    return cells


def _bars(result: CaseResult) -> dict[str, Any]:
    clean = result.clean_reading.probabilities
    attacked = result.attack.readings_attacked[0].probabilities if result.attack else {}
    names = list(clean)
    if len(names) > MOST_CLASSES:
        names.sort(key=lambda name: -max(clean[name], attacked.get(name, 0.0)))
        names = names[:MOST_CLASSES]
    return {
        "title": "Probabilities" if len(names) == len(clean) else f"The {len(names)} likeliest",
        "rows": [
            {
                "label": name,
                "clean": [clean[name], certainty(clean[name])],
                "attacked": [attacked[name], certainty(attacked[name])] if attacked else None,
                "mark": "true label" if name == result.case.label else "",
            }
            for name in names
        ],
    }


def _encode(explanation: Explanation) -> tuple[bytes, bytes]:
    """Both maps, each on its own scale, as 8-bit pictures; 128 is zero where signed."""
    maps = np.nan_to_num(explanation.maps.cpu().numpy())
    first, second = (levels(m, explanation.signed) for m in maps[:2])
    return png(first), png(second)
