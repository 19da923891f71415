"""A bench of screening as one HTML page that needs nothing beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from radar_core.experiments.words import attack_title
from radar_core.markup import STYLE, cell, table, text, unit_chart

if TYPE_CHECKING:
    from pandas import DataFrame


def html(about: Mapping[str, Any], rows: DataFrame, alarms: DataFrame) -> str:
    """The page: how often attacks are uncovered, how often it is wrong, and how it was found out.

    Args:
        about: `data`, `model`, `images`, `command`, `passes` an image, and what the detector says
            of its making (`detector`).
        rows, alarms: as `bench.Bench.tables` gives them.
    """
    made = about["detector"]
    against = ", ".join(attack_title(name) for name in made["attacks"])
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width'>",
        f"<title>Screening · {text(about['data'])}</title><style>{STYLE}</style>",
        "<h1>How often screening uncovers attacks, and how often it is wrong</h1>",
        f"<p>{about['images']:,} test images of {text(about['data'])}, model "
        f"{text(about['model'])}. Scores were fitted on {made['fitted_on']:,} clean training "
        f"images, combined against {text(against)}, and calibrated on "
        f"{made['calibrated_on']:,} clean validation images.</p>",
        "<p class=quiet>Research software, not a medical device.</p>",
        "<h2>Telling attacked from harmless images (AUROC)</h2><p>Attacked images that turned the "
        "reading, against clean and benignly changed ones; 95 % intervals by resampling images. "
        "An attack is tested with a combination that has not seen it. 0.5 is chance.</p>",
        _aurocs(rows),
        _along_epsilon(rows),
        "<h2>Uncovered</h2><p>The combination: share uncovered at 5 % false alarms among the "
        "harmless images here, and at the threshold that was calibrated beforehand.</p>",
        _caught(rows),
        "<h2>False alarms</h2><p>Harmless images that the calibrated threshold calls unusual; 95 % "
        "Wilson intervals. <em>Cannot tell</em>: images unlike all that the detector was made "
        "with, of which it says nothing.</p>",
        _alarms(alarms),
        _made_with(about),
    ]
    return "\n".join([*parts, "</html>"])


def _frame(attack: str, eps: str) -> str:
    return attack_title(attack) if eps == "own" else f"{attack_title(attack)}, ε {eps}"


def _score(name: str) -> str:
    from radar_core.detection import DETECTORS

    title: str = DETECTORS[name].title if name in list(DETECTORS) else "All together"
    return title


def _frames(rows: DataFrame) -> list[tuple[str, str]]:
    """Attacks at their ε, the smallest first, those without one last."""
    found = rows.drop_duplicates(["attack", "eps"]).sort_values("radius", kind="stable")
    return list(zip(found.attack, found.eps, strict=True))


def _aurocs(rows: DataFrame) -> str:
    frames = _frames(rows)
    at = {(r.detector, r.attack, r.eps): r for r in rows.itertuples()}
    names = list(dict.fromkeys(rows.detector))
    names.sort(key=lambda name: name != "combined")  # first what counts
    body = []
    for name in names:
        line = [f"<td>{text(_score(name))}</td>"]
        for frame in frames:
            row = at.get((name, *frame))
            if row is None or not math.isfinite(row.auroc):
                line.append(cell("—"))
                continue
            small = f"{row.auroc_low:.2f} to {row.auroc_high:.2f}"
            line.append(cell(f"{row.auroc:.3f}", small, 2 * row.auroc - 1))
        body.append(line)
    return table(["Score", *(text(_frame(*frame)) for frame in frames)], body)


def _along_epsilon(rows: DataFrame) -> str:
    together = rows[(rows.detector == "combined") & rows.radius.map(math.isfinite)]
    together = together[together.auroc.map(math.isfinite)]
    if together.radius.nunique() < 2:
        return ""
    widest = together.radius.max()
    lines = {
        attack_title(str(attack)): list(zip(group.radius / widest, group.auroc, strict=True))
        for attack, group in together.sort_values("radius").groupby("attack", sort=False)
    }
    x = f"ε, as a share of {widest:.3g}/255"
    said = "AUROC of all scores together against ε"
    return f"<h3>{said}</h3>" + unit_chart(said, x, "AUROC", lines, points=True)


def _caught(rows: DataFrame) -> str:
    at = {(r.attack, r.eps): r for r in rows[rows.detector == "combined"].itertuples()}
    body = []
    for frame in _frames(rows):
        row = at[frame]
        body.append(
            [
                f"<td>{text(_frame(*frame))}</td>",
                cell(str(row.images)),
                cell(_percent(row.tpr)),
                cell(_percent(row.caught)),
            ]
        )
    head = ["Attack", "images turned", "at 5 % false alarms", "at the calibrated threshold"]
    return table(head, body)


def _alarms(alarms: DataFrame) -> str:
    body = [
        [
            f"<td>{text(row.images_are)}</td>",
            cell(str(row.images)),
            cell(
                _percent(row.false_alarms),
                f"{_percent(row.false_alarms_low)} to {_percent(row.false_alarms_high)}",
            ),
            cell(_percent(row.cannot_tell)),
        ]
        for row in alarms.itertuples()
    ]
    return table(["Images", "of", "called unusual", "cannot tell"], body)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if math.isfinite(share) else "—"


def _made_with(about: Mapping[str, Any]) -> str:
    made = about["detector"]
    versions = ", ".join(f"{name} {v}" for name, v in made["versions"].items())
    return (
        f"<h2>How</h2><p>{about['passes']} model passes an image. Attacked for the combination: "
        + text(", ".join(f"{attack_title(n)} {count}" for n, count in made["attacked"].items()))
        + f" images that turned. Seed {made['seed']}. Model {made['model_sha256'][:16]}.</p>"
        f"<p><code>{text(about['command'])}</code></p><p class=quiet>{text(versions)}</p>"
        "<p>An attacker who knows the screening is another matter: test with "
        "<code>--attacks orthogonal_pgd</code>.</p>"
    )
