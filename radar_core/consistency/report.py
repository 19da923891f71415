"""A study as one HTML page that needs nothing beside it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from radar_core.epsilon import NORM_TITLES
from radar_core.markup import STYLE, cell, table, text
from radar_core.runtime import describe, versions
from radar_core.wording import within_a_sentence

if TYPE_CHECKING:
    from pandas import DataFrame

    from radar_core.consistency.run import Study


def write_html(study: Study, summary: DataFrame, command: str) -> str:
    """The page: what was asked, what was found for each headline metric, how and how sure."""
    from radar_core.metrics import METRICS

    spec = study.spec
    flipped = study.rows[(study.rows.kind == "attack") & (study.rows.status == "flipped")]
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width'>",
        f"<title>Consistency · {text(spec.data)}</title><style>{STYLE}</style>",
        "<h1>Which explainer tells which attack from benign noise?</h1>",
        f"<p>{study.done} of {study.images} images of {text(spec.data)}, model "
        f"{text(spec.model)}. Each attacked image stands beside {spec.controls} harmless changes "
        "of the same size in the same norm; clean and changed images are explained as pairs: same "
        "class, background, superpixels, masks and draws.</p>",
        "<p class=quiet>Research software, not a medical device. A high AUROC says that an "
        "explanation moves more under this attack than under noise when the clean image is at "
        "hand; it is no detector of images that come without their clean twin.</p>",
        _counts(study),
    ]
    if not len(flipped):
        parts.append("<p><b>No attack turned a reading</b>, so there is nothing to tell apart.</p>")
    headline = [name for name in METRICS if METRICS[name].role == "headline"]
    parts += [_heat(summary[summary.metric == n], METRICS[n].title) for n in headline]
    parts += [_ranking(summary), _details(summary)]
    for id, why in study.unexplained.items():
        parts.append(f"<p>{text(id)} gave no maps: {text(why)}.</p>")
    parts += [
        "<h2>How</h2><ul>",
        "<li>AUROC: chance that an attacked image departs more from its clean map than a benign "
        "control of any image (Mann–Whitney); 95 % interval from resampling whole images.</li>",
        "<li>Within image: the same against the image's own controls.</li>",
        "<li>TPR: share of attacked images beyond the threshold that 5 % of controls pass.</li>",
        "<li>Only adversarial examples count: read right before, otherwise after.</li>",
        "<li>Another seed: the clean image explained twice; what differs is the explainer's own "
        "dice.</li></ul>",
        f"<p><code>{text(command)}</code></p>",
        f"<p class=quiet>{text(str(describe()['note']))} {text(str(versions()))} "
        f"Study {spec.key()}, model sha256 {spec.model_sha256[:16]}.</p></html>",
    ]
    return "\n".join(parts)


def _number(value: Any, digits: int = 2) -> str:
    return f"{value:.{digits}f}".replace("-", "−") if math.isfinite(value) else "—"


def _shade(auroc: float) -> float | None:
    """From nothing at chance to full at a perfect separation."""
    return 2 * (auroc - 0.5) if math.isfinite(auroc) else None


def _attack(attack: str, eps: str) -> str:
    from radar_core.attacks import ATTACKS

    title = ATTACKS[attack].title
    return text(title if eps == "own" else f"{title}, ε {eps}")


def _counts(study: Study) -> str:
    attacked = study.rows[study.rows.kind == "attack"].drop_duplicates(["image", "attack", "eps"])
    rows = []
    for (attack, eps), group in attacked.groupby(["attack", "eps"], sort=False):
        status = group.status.value_counts()
        cells = [str(status.get(s, 0)) for s in ("flipped", "held", "already wrong", "no-op")]
        size = f"{_number(group['size'].median(), 4)} ({NORM_TITLES[group.norm.iloc[0]]})"
        rows.append([f"<td>{_attack(attack, eps)}</td>", *(cell(c) for c in [*cells, size])])
    head = ["Attack", "flipped", "held", "already wrong", "no-op", "median size reached"]
    return "<h2>What the attacks did</h2>" + table(head, rows)


def _heat(summary: DataFrame, title: str) -> str:
    """AUROC by explainer and attack of one metric."""
    if summary.empty:
        return ""
    from radar_core.explainers import EXPLAINERS

    runs = list(dict.fromkeys(zip(summary.attack, summary.eps, strict=True)))
    rows = []
    for explainer, group in summary.groupby("explainer", sort=False):
        cells = [f"<td>{text(EXPLAINERS[explainer].title)}</td>"]
        for run in runs:
            at = group[(group.attack == run[0]) & (group.eps == run[1])]
            if at.empty:
                cells.append("<td>—</td>")
                continue
            row = at.iloc[0]
            spread = f"{_number(row.auroc_low)} to {_number(row.auroc_high)}, n {row.images}"
            cells.append(cell(_number(row.auroc), spread, _shade(row.auroc)))
        rows.append(cells)
    head = ["Explainer", *(_attack(*run) for run in runs)]
    return (
        f"<h2>AUROC of {text(within_a_sentence(title))}, attack against benign noise</h2>"
        + table(head, rows)
    )


def _ranking(summary: DataFrame) -> str:
    """Which explainer is least consistent: under attack, under noise, with another seed."""
    from radar_core.explainers import EXPLAINERS

    overlap = summary[summary.metric == "topk_overlap"]
    if overlap.empty:
        return ""
    means = overlap.groupby("explainer").agg(
        attacked=("attacked", "mean"),
        control=("control", "mean"),
        repeat=("repeat", "first"),
    )
    rows = [
        [
            f"<td>{text(EXPLAINERS[explainer].title)}</td>",
            *(cell(_number(row[name])) for name in ("attacked", "control", "repeat")),
        ]
        for explainer, row in means.sort_values("attacked").iterrows()
    ]
    head = ["Explainer", "attacked", "benign noise", "another seed"]
    return (
        "<h2>Which explainer is least consistent?</h2><p>Median top-k overlap with the clean map, "
        "mean over attacks and ε, least consistent first (chance 0.05, equal maps 1).</p>"
    ) + table(head, rows)


def _details(summary: DataFrame) -> str:
    from radar_core.explainers import EXPLAINERS
    from radar_core.metrics import METRICS

    rows = []
    for row in summary.itertuples():
        title = METRICS[row.metric].title if row.metric in METRICS else row.metric.replace("_", " ")
        rows.append(
            [
                f"<td>{text(EXPLAINERS[row.explainer].title)}</td>",
                cell(_attack(row.attack, row.eps)),
                cell(text(title)),
                cell(
                    _number(row.attacked),
                    f"{_number(row.attacked_low)} to {_number(row.attacked_high)}",
                ),
                cell(
                    _number(row.control),
                    f"{_number(row.control_low)} to {_number(row.control_high)}",
                ),
                cell(_number(row.repeat)),
                cell(_number(row.auroc), f"{_number(row.auroc_low)} to {_number(row.auroc_high)}"),
                cell(_number(row.paired)),
                cell(_number(row.tpr)),
                cell(str(row.images), f"{row.undefined} undefined" if row.undefined else ""),
            ]
        )
    head = [
        "Explainer",
        "Attack",
        "Metric",
        "attacked",
        "benign",
        "another seed",
        "AUROC",
        "within image",
        "TPR at 5 % FPR",
        "n",
    ]
    return "<h2>Every number</h2>" + table(head, rows)
