"""A case, as far as it is computed, as the blob that the viewer shows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radar_core.epsilon import parse_epsilon
from radar_core.pictures import difference, own_scale, to_pixels
from radar_core.ui.contour import outline
from radar_core.ui.viewer import pack, png
from radar_core.verdict import certainty, named, percent, verdict

if TYPE_CHECKING:
    from radar_core.case import CaseResult
    from radar_core.types import Explanation

FOCUS = "topk_overlap"  # the metric a tile's caption names
MOST_CLASSES = 12
UNDEFINED = "not defined"
SCALE = "full colour: each map's own 99.7th percentile of |value|"


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


def short(title: str) -> str:
    """A method's title without what it adds in brackets."""
    return title.partition(" (")[0]


def metric_text(value: float, unit: str) -> str:
    """A metric for people; a share of something as a percentage."""
    if not math.isfinite(value):
        return UNDEFINED
    text = f"{value:.1%}".replace("%", " %") if unit.startswith("of ") else f"{value:.2f}"
    return text.replace("-", "−")


def same_map(metric: Any) -> str:
    """What a metric gives for two equal maps, from its own bounds and direction."""
    best = metric.high if metric.direction == "higher" else metric.low
    bounds = f"between {metric.low:g} and {metric.high:g}".replace("-", "−")
    return f"{best:g} for equal maps, {bounds}"


def waiting(explainers: Sequence[tuple[str, str]], side: int = 224) -> bytes:
    """The frame before anything is known: what is to come, without a picture.

    Args:
        explainers: id and title of each.
    """
    columns = [_column("image", "Image", state="running", wait="The image is being read…")]
    columns += [
        _column(id, title, wait=f"{title} comes after the attack") for id, title in explainers
    ]
    header = _header("waiting", "waiting", side, columns, busy=True)
    return pack(header, {})


def case_view(result: CaseResult) -> CaseView:
    """The pictures, captions and numbers of a case as far as it is computed."""
    clean = result.clean.numpy()
    pictures = {"clean-image": png(to_pixels(clean))}
    captions = {"clean-image": [named(result.clean_reading), ""]}
    if result.attack is not None:
        attacked = result.attack.images[0].cpu().numpy()
        reached = result.attack.linf[0]
        eps = parse_epsilon(result.spec.eps, result.attack.norm)
        pictures["attacked-image"] = png(to_pixels(attacked))
        pictures["difference-image"] = png(difference(clean, attacked, reached))
        captions["attacked-image"] = [
            named(result.attack.readings_attacked[0]),
            f"ε {eps.label}" if eps.bounded else f"L2 {result.attack.l2[0]:.3g}",
        ]
        gain = f"×{0.5 / reached:.3g}" if reached else "no change"
        captions["difference-image"] = [gain, "grey: unchanged" if reached else ""]
    for id, explanation in result.explanations.items():
        encoded = _encode(explanation)
        pictures[f"clean-{id}"], pictures[f"attacked-{id}"] = encoded
        kept = result.scores[id].get(FOCUS, math.nan)
        empty = explanation.facts.get("empty", (False, False))
        nothing = ["", f"no evidence for {explanation.targets[0]}"]
        focus = ["", f"focus kept {percent(kept)}" if math.isfinite(kept) else ""]
        captions[f"attacked-{id}"] = nothing if empty[1] else focus
        captions[f"clean-{id}"] = nothing if empty[0] else ["", "reference"]
        captions[f"difference-{id}"] = ["", "attacked − clean"]
    header = _header(
        result.spec.key(),
        result.stage,
        result.clean.shape[-1],
        _columns(result),
        captions=captions,
        verdict=[[part.text, part.kind] for part in verdict(result)],
        strip=_strip(result),
        bars=_bars(result),
        masks={
            name: outline(mask.numpy())
            for name, mask in (("lesion", result.lesion_mask), ("evidence", result.evidence_mask))
            if mask is not None and bool(mask.any())
        },
    )
    return CaseView(result, pack(header, pictures))


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
        "scale": SCALE if len(columns) > 1 else "",
    }


def _column(
    id: str,
    title: str,
    *,
    sub: str = "",
    signed: bool = False,
    state: str = "waiting",
    wait: str = "",
    numbers: Sequence[list[str]] = (),
) -> dict[str, Any]:
    return {
        "id": id,
        "title": title,
        "sub": sub,
        "signed": signed,
        "state": state,
        "wait": wait,
        "numbers": list(numbers),
    }


def _columns(result: CaseResult) -> list[dict[str, Any]]:
    from radar_core.attacks import ATTACKS
    from radar_core.explainers import EXPLAINERS

    attack = result.attack
    attack_title = ATTACKS[result.spec.attack].title
    columns = [
        _column("image", "Image", state="running", wait=f"{attack_title} is being computed…")
        if attack is None
        else _column(
            "image",
            "Image",
            state="ready",
            numbers=[
                ["L∞ reached", f"{attack.linf[0] * 255:.3g}/255"],
                ["L2 reached", f"{attack.l2[0]:.3f}"],
                ["Pixels changed", percent(attack.changed[0])],
            ],
        )
    ]
    running = attack is not None
    for id in result.spec.explainers:
        title = short(EXPLAINERS[id].title)
        explanation = result.explanations.get(id)
        if explanation is not None:
            columns.append(
                _column(
                    id,
                    title,
                    sub=f"for {explanation.targets[0]}",
                    signed=explanation.signed,
                    state="ready",
                    numbers=[[m.title, text] for m, text in scored(result, id)],
                )
            )
        elif running:
            running = False
            columns.append(_column(id, title, state="running", wait=f"{title} is being computed…"))
        else:
            columns.append(_column(id, title, wait=f"{title} waits for its turn"))
    return columns


def scored(result: CaseResult, explainer: str) -> list[tuple[Any, str]]:
    """The metrics of an explainer, each with its value as text."""
    from radar_core.metrics import METRICS

    return [
        (METRICS[name], metric_text(value, METRICS[name].unit))
        for name, value in result.scores[explainer].items()
    ]


def _strip(result: CaseResult) -> list[dict[str, str]]:
    """The numbers above the panels: the readings, then the first explainer's metrics."""
    from radar_core.explainers import EXPLAINERS
    from radar_core.metrics import METRICS

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
    if not result.spec.explainers:
        return cells
    headline = result.spec.explainers[0]
    title = short(EXPLAINERS[headline].title)
    done = dict(scored(result, headline)) if headline in result.scores else {}
    for name in METRICS:
        metric: Any = METRICS[name]
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
    first, second = (_levels(m / own_scale(m), explanation.signed) for m in maps[:2])
    return png(first), png(second)


def _levels(values: NDArray[np.float32], signed: bool) -> NDArray[np.uint8]:
    if signed:
        return np.round(128 + 127 * np.clip(values, -1, 1)).astype(np.uint8)
    return np.round(255 * np.clip(values, 0, 1)).astype(np.uint8)
