"""An experiment as one HTML page that needs nothing beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from radar_core.epsilon import NORM_TITLES
from radar_core.experiments import summary
from radar_core.experiments.words import (
    attack_title,
    explainer_title,
    frame_title,
    metric_title,
    number,
)
from radar_core.markup import STYLE, cell, table, text, unit_chart
from radar_core.wording import within_a_sentence

if TYPE_CHECKING:
    from pandas import DataFrame

    from radar_core.experiments.spec import ExperimentSpec


def html(manifest: Mapping[str, Any], rows: DataFrame, consistency: DataFrame) -> str:
    """The page: what was asked, what attacks did, what explanations betrayed, how and how sure.

    Args:
        manifest: of the experiment's folder.
        rows: all of its rows (see `columns`).
        consistency: what `consistency.summarise` says of them.
    """
    from radar_core.experiments.spec import read_spec
    from radar_core.metrics import METRICS

    spec = read_spec(manifest["spec"])
    images = summary.outcomes(rows).image.nunique()
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width'>",
        f"<title>Experiment · {text(spec.data)}</title><style>{STYLE}</style>",
        "<h1>What attacks do to readings, and what explanations betray</h1>",
        f"<p>{images:,} images of {text(spec.data)}, {_names('model', spec.models)}, seed "
        f"{spec.seed}. Clean and changed images are explained as pairs: same class, background, "
        "superpixels, masks and draws.</p>",
        "<p class=quiet>Research software, not a medical device.</p>",
        _robustness(rows),
        _curves(rows),
        _as_in_the_paper(rows),
        _transfer(rows),
    ]
    if spec.explainers:
        headline = [name for name in METRICS if METRICS[name].role == "headline"]
        for model in spec.models:
            of_model = consistency[consistency.model == model] if len(consistency) else consistency
            parts.append(_explanations(model, of_model, headline, spec))
    parts += [
        _fragile(rows),
        _costs(rows),
        _failures(rows),
        _how(spec),
        _made_with(manifest, summary.devices(rows)),
    ]
    return "\n".join([*parts, "</html>"])


def _names(what: str, names: Sequence[str]) -> str:
    return f"{what}{'s' if len(names) > 1 else ''} {', '.join(text(name) for name in names)}"


def _share(row: Any, name: str) -> str:
    value = getattr(row, name)
    if not math.isfinite(value):
        return cell("—")
    low, high = getattr(row, f"{name}_low"), getattr(row, f"{name}_high")
    return cell(f"{100 * value:.0f} %", f"{100 * low:.0f} to {100 * high:.0f}")


def _robustness(rows: DataFrame) -> str:
    found = []
    for row in summary.robustness(rows).itertuples():
        size = f"{number(getattr(row, row.norm), 4)} ({NORM_TITLES[row.norm]})"
        found.append(
            [
                f"<td>{text(row.model)}</td>",
                cell(text(frame_title(row.attack, row.eps))),
                _share(row, "accuracy"),
                _share(row, "robust_accuracy"),
                _share(row, "success"),
                cell(str(row.success_of)),
                cell(str(row.no_op)),
                cell(size),
            ]
        )
    head = ["Model", "Attack", "accuracy", "under attack", "success rate", "of", "no-op"]
    return (
        "<h2>What the attacks did</h2><p>Under attack: the share read right before and after. "
        "Success counts only images read right before; 95 % Wilson intervals. A no-op (nothing "
        "changed, or no gradient) is not robustness.</p>"
    ) + table([*head, "median distance of those turned"], found)


def _curves(rows: DataFrame) -> str:
    curves = summary.along_epsilon(rows)
    curves = curves[curves.norm == "linf"]
    if not len(curves):
        return ""
    widest = curves.radius.max() or 1.0
    parts = ["<h2>Success rate against ε (L∞)</h2>"]
    for model, group in curves.groupby("model", sort=False, observed=True):
        lines = {
            attack_title(str(attack)): [(r / widest, s) for r, s in values]
            for attack, points in group.groupby("attack", sort=False, observed=True)
            for values in [list(zip(points.radius, points.success, strict=True))]
        }
        said = f"Success rate of attacks on {model} against ε"
        x = f"ε, as a share of {255 * widest:.3g}/255"
        parts.append(f"<p>{text(model)}</p>{unit_chart(said, x, 'success', lines, points=True)}")
    return "".join(parts)


def _as_in_the_paper(rows: DataFrame) -> str:
    wide = summary.paper_table(rows)
    if not len(wide):
        return ""
    models = [name for name in wide.columns if name not in ("attack", "eps")]
    found = [
        [f"<td>{text(frame_title(r['attack'], r['eps']))}</td>"]
        + [cell(number(r[name], 1)) for name in models]
        for r in wide.to_dict("records")
    ]
    head = ["Attack", *(text(name) for name in models)]
    return "<h2>Success rates in per cent, laid out as in the paper</h2>" + table(head, found)


def _transfer(rows: DataFrame) -> str:
    found = summary.transfer(rows)
    if not len(found):
        return ""
    parts = [
        "<h2>Does it turn other models, too?</h2><p>Share of the images that the attack turned on "
        "the model of the row, and that the model of the column read right, which turn it as "
        "well; 95 % Wilson intervals.</p>"
    ]
    names = list(dict.fromkeys([*found.model, *found.tried_on]))
    for (attack, eps), group in found.groupby(["attack", "eps"], sort=False, observed=True):
        at = {(row.model, row.tried_on): row for row in group.itertuples()}
        lines = []
        for model in dict.fromkeys(group.model):
            cells = [f"<td>{text(model)}</td>"]
            for other in names:
                row = at.get((model, other))
                cells.append("<td>—</td>" if row is None else _share(row, "success"))
            lines.append(cells)
        parts.append(f"<h3>{text(frame_title(attack, eps))}</h3>")
        parts.append(table(["made for", *(text(name) for name in names)], lines))
    return "".join(parts)


def _explanations(
    model: str, found: DataFrame, headline: Iterable[str], spec: ExperimentSpec
) -> str:
    if not len(found):
        return (
            f"<h2>Explanations of {text(model)}</h2><p>No attack turned a reading, or there are no "
            "benign controls, so there is nothing to tell apart.</p>"
        )
    from radar_core.metrics import METRICS

    said = (
        f"<h2>Explanations of {text(model)}</h2><p>Each attacked image stands beside "
        f"{spec.controls} harmless changes of the same size in the same norm. A high AUROC says "
        "that an explanation moves more under this attack than under noise when the clean image "
        "is at hand; it is no detector of images that come without their clean twin.</p>"
    )
    heats = [_heat(found[found.metric == name], METRICS[name].title) for name in headline]
    return "".join([said, *heats, _ranking(found), _details(found)])


def _heat(found: DataFrame, title: str) -> str:
    """AUROC by explainer and attack of one metric."""
    if not len(found):
        return ""
    runs = list(dict.fromkeys(zip(found.attack, found.eps, strict=True)))
    lines = []
    for explainer, group in found.groupby("explainer", sort=False, observed=True):
        cells = [f"<td>{text(explainer_title(explainer))}</td>"]
        for attack, eps in runs:
            at = group[(group.attack == attack) & (group.eps == eps)]
            if at.empty:
                cells.append("<td>—</td>")
                continue
            row = at.iloc[0]
            spread = f"{number(row.auroc_low)} to {number(row.auroc_high)}, n {row.images}"
            shade = 2 * (row.auroc - 0.5) if math.isfinite(row.auroc) else None
            cells.append(cell(number(row.auroc), spread, shade))
        lines.append(cells)
    head = ["Explainer", *(text(frame_title(*run)) for run in runs)]
    return (
        f"<h3>AUROC of {text(within_a_sentence(title))}, attack against benign noise</h3>"
        + table(head, lines)
    )


def _ranking(found: DataFrame) -> str:
    """Which explainer is least consistent: under attack, under noise, with another seed."""
    overlap = found[found.metric == "topk_overlap"]
    if not len(overlap):
        return ""
    means = overlap.groupby("explainer", observed=True).agg(
        attacked=("attacked", "mean"), control=("control", "mean"), repeat=("repeat", "first")
    )
    lines = [
        [
            f"<td>{text(explainer_title(str(explainer)))}</td>",
            *(cell(number(row[name])) for name in ("attacked", "control", "repeat")),
        ]
        for explainer, row in means.sort_values("attacked").iterrows()
    ]
    head = ["Explainer", "attacked", "benign noise", "another seed"]
    return (
        "<h3>Which explainer is least consistent?</h3><p>Median top-k overlap with the clean map, "
        "mean over attacks and ε, least consistent first (chance 0.05, equal maps 1).</p>"
    ) + table(head, lines)


def _details(found: DataFrame) -> str:

    lines = []
    for row in found.itertuples():

        def spread(name: str, row: Any = row) -> str:
            return (
                f"{number(getattr(row, f'{name}_low'))} to {number(getattr(row, f'{name}_high'))}"
            )

        lines.append(
            [
                f"<td>{text(explainer_title(row.explainer))}</td>",
                cell(text(frame_title(row.attack, row.eps))),
                cell(text(metric_title(row.metric))),
                *(cell(number(getattr(row, n)), spread(n)) for n in ("attacked", "control")),
                cell(number(row.repeat)),
                cell(number(row.auroc), spread("auroc")),
                cell(number(row.paired)),
                cell(number(row.tpr)),
                cell(str(row.images), f"{row.undefined} undefined" if row.undefined else ""),
            ]
        )
    head = ["Explainer", "Attack", "Metric", "attacked", "benign", "another seed", "AUROC"]
    rest = ["within image", "TPR at 5 % FPR", "n"]
    opened = "<details><summary>Every number</summary>"
    return opened + table([*head, *rest], lines) + "</details>"


def _fragile(rows: DataFrame) -> str:
    found = summary.by_image(rows)
    if not len(found):
        return ""
    most = 20
    edges = [*range(most // 2), *range(len(found) - most // 2, len(found))]
    some = found if len(found) <= most else found.iloc[edges]
    lines = [
        [
            f"<td>{text(r.image)}</td>",
            cell(text(r.model)),
            cell(text(r.label)),
            cell(f"{r.turned} of {r.frames}"),
            cell(f"{number(r.smallest)}/255" if math.isfinite(r.smallest) else "—"),
        ]
        for r in some.itertuples()
    ]
    head = ["Image", "Model", "label", "turned by", "smallest L∞ that turned it"]
    note = "fragile first" if len(found) <= most else "the ten most fragile and most robust"
    return f"<h2>Images, {note}</h2>" + table(head, lines)


def _costs(rows: DataFrame) -> str:
    lines = [
        [
            f"<td>{text(r.model)}</td>",
            cell(text(attack_title(r.attack))),
            cell(text(explainer_title(r.explainer)) if r.explainer else "the attack itself"),
            cell(number(r.seconds_an_image)),
            cell(f"{r.forward:,.0f}"),
            cell(f"{r.backward:,.0f}"),
        ]
        for r in summary.costs(rows).itertuples()
    ]
    head = ["Model", "Attack", "Step", "seconds an image", "forward passes", "backward passes"]
    return "<h2>What it took</h2>" + table(head, lines)


def _failures(rows: DataFrame) -> str:
    found = summary.failures(rows)
    if not len(found):
        return ""
    lines = [
        [f"<td>{text(r.model)}</td>"]
        + [cell(text(getattr(r, n) or "—")) for n in ("attack", "explainer", "image", "error")]
        for r in found.itertuples()
    ]
    head = ["Model", "Attack", "Explainer", "Image", "why"]
    return "<h2>What could not be had</h2>" + table(head, lines)


def _how(spec: ExperimentSpec) -> str:
    points = [
        "Success rate: of the images read right before, the share that is read otherwise after.",
        "Nearest-example attacks have no ε; their curve is the share of images whose distance is "
        "at most the radius (Carlini et al. 2019).",
        "AUROC: chance that an attacked image departs more from its clean map than a benign "
        "control of any image (Mann–Whitney); 95 % interval from resampling whole images.",
        "Within image: the same against the image's own controls.",
        "TPR: share of attacked images beyond the threshold that 5 % of controls pass.",
        "Explanations are compared on adversarial examples only: read right before, otherwise "
        "after.",
        "Another seed: the clean image explained twice; what differs is the explainer's own dice.",
    ]
    given = [*spec.attack_parameters, *spec.explainer_parameters]
    points += [f"Parameters: {', '.join(f'{n} = {v}' for n, v in given)}."] if given else []
    return "<h2>How</h2><ul>" + "".join(f"<li>{text(p)}</li>" for p in points) + "</ul>"


def _made_with(manifest: Mapping[str, Any], devices: Sequence[str]) -> str:
    where = f"Computed on {text(', '.join(devices))}. " if devices else ""
    if len(devices) > 1:
        where += "From one kind of device to another the last digits of a number may differ. "
    models = ", ".join(f"{name} {sha[:16]}" for name, sha in manifest["models"].items())
    return (
        f"<p><code>{text(manifest.get('command', ''))}</code></p>"
        f"<p class=quiet>{text(manifest.get('engine', ''))}. {text(manifest['versions'])} "
        f"{where}"
        f"Experiment {text(manifest['key'])}; models by sha256: {text(models)}.</p>"
    )
