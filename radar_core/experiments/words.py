"""An experiment in words: its main finding, its frames, its tables as people read them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from radar_core.epsilon import OWN, parse_epsilon
from radar_core.experiments.background import Experiment
from radar_core.experiments.summary import radius
from radar_core.verdict import percent
from radar_core.view.metric_words import short
from radar_core.wording import count, duration

if TYPE_CHECKING:
    from pandas import DataFrame, Series

    from radar_core.experiments.spec import ExperimentSpec

NOTHING = "–"


def attack_title(attack: str) -> str:
    """An attack as people call it."""
    from radar_core.attacks import ATTACKS

    return short(ATTACKS[attack].title) if attack in ATTACKS else attack


def explainer_title(explainer: str) -> str:
    """An explainer as people call it."""
    from radar_core.explainers import EXPLAINERS

    return short(EXPLAINERS[explainer].title) if explainer in EXPLAINERS else explainer


def metric_title(metric: str) -> str:
    """A metric as people call it."""
    from radar_core.metrics import METRICS

    if metric in METRICS:
        return str(METRICS[metric].title)
    where = metric.removesuffix("_share_change")
    return f"Change of the share within the {where}"


def eps_title(eps: str) -> str:
    """An ε as a table has it."""
    return "nearest" if eps == OWN else parse_epsilon(eps).label


def frame_title(attack: str, eps: str) -> str:
    """An attack and its ε."""
    title = attack_title(attack)
    return title if eps == OWN else f"{title} at ε {eps_title(eps)}"


def asked(spec: ExperimentSpec, data: str) -> str:
    """What an experiment computes, in one line."""
    frames = sum(len(spec.frames(attack)) for attack in spec.attacks)
    parts = [
        f"{count(spec.images, 'image')} of {data}",
        ", ".join(spec.models),
        f"{', '.join(map(attack_title, spec.attacks))} ({count(frames, 'frame')})",
    ]
    if spec.explainers:
        parts.append(", ".join(map(explainer_title, spec.explainers)))
    return " · ".join(parts)


def progress(one: Experiment) -> str:
    """How far it is, in one line."""
    course = one.course
    if one.starting or course is None:
        return "starting"
    said = f"{course.done:,} of {count(course.cells, 'cell')}"
    if one.wished == "stop":
        return f"{said} · stopping; what is computed is kept"
    if one.wished == "pause":
        return f"{said} · pausing once the cells under way are done"
    if one.condition == "paused":
        return f"{said} · paused"
    if one.condition == "running":
        left = "time left not known yet" if course.left is None else _left(course.left)
        return f"{said} · {left}"
    return said


def _left(seconds: float) -> str:
    return f"about {duration(seconds)} left"


def finding(table: DataFrame, *, whole: bool) -> str:
    """The main finding: the frame that turned most, with its interval and number of images.

    Args:
        table: what `summary.robustness` gives. whole: whether the experiment is done.
    """
    known = table[table.success_of > 0] if len(table) else table
    if not len(known):
        return "No image has been attacked yet that was read right before."
    worst = least(known, -known.success)
    basis = "that it had read right" if worst.images else "(none is labelled)"
    so_far = "" if whole else "So far, "
    subject = frame_title(str(worst.attack), str(worst.eps))
    said = (
        f"{so_far}{subject} turned {percent(worst.success)} of the readings of {worst.model}: "
        f"{count(int(worst.success_of), 'image')} {basis}, 95 % interval "
        f"{interval(worst.success_low, worst.success_high)}"
    )
    if worst.images:
        said += (
            f"; its accuracy went from {percent(worst.accuracy)} to "
            f"{percent(worst.robust_accuracy)}"
        )
    more = " No attack of this grid turned more." if len(known) > 1 and whole else ""
    return f"{said}.{more}"


def least(table: DataFrame, by: Series) -> Any:
    """The row with the least value; of those with as little, the one with the smallest ε."""
    alike = table[by == by.min()]
    return min(alike.itertuples(), key=lambda row: radius(str(row.eps), str(row.norm)))


def betrayal(table: DataFrame) -> str:
    """What explanations show of it: the best of the headline metrics; empty where none can say."""
    from radar_core.metrics import METRICS

    if not len(table):
        return ""
    headline = table.metric.astype(str).map(lambda m: m in METRICS and _headline(m))
    known = table[headline & (table.images > 0)].dropna(subset=["auroc", "auroc_low"])
    if not len(known):
        return ""
    best = known.loc[known.auroc_low.idxmax()]
    verdict = (
        "tells the attack from benign noise of its size"
        if best.auroc_low > 0.5
        else "does not clearly tell the attack from benign noise of its size"
    )
    return (
        f"Of the explanations, {explainer_title(str(best.explainer))} "
        f"({metric_title(str(best.metric))}) {verdict} best at "
        f"{frame_title(str(best.attack), str(best.eps))}: AUROC {best.auroc:.2f} "
        f"({best.auroc_low:.2f} to {best.auroc_high:.2f}), {count(int(best.images), 'image')}; "
        "the best of many is flattered by chance."
    )


def _headline(metric: str) -> bool:
    from radar_core.metrics import METRICS

    return bool(METRICS[metric].role == "headline")


def interval(low: float, high: float) -> str:
    """Two shares as an interval in per cent."""
    return f"{100 * low:.0f} to {100 * high:.0f} %"


def share(row: Any, name: str) -> str:
    """A share in per cent with its interval."""
    value = getattr(row, name)
    if not math.isfinite(value):
        return NOTHING
    low, high = getattr(row, f"{name}_low"), getattr(row, f"{name}_high")
    return f"{100 * value:.0f} % ({100 * low:.0f}–{100 * high:.0f})"


def number(value: float, digits: int = 2) -> str:
    """A number; a dash where there is none."""
    text = f"{value:.{digits}f}" if math.isfinite(value) else NOTHING
    return text.replace("-", "−")


def distance(value: float, norm: str) -> str:
    """A distance: in grey levels where it bounds single pixels."""
    if not math.isfinite(value):
        return NOTHING
    return f"{value:.3g}" if norm == "l2" else f"{255 * value:.2g}/255"


def robustness_rows(table: DataFrame, models: bool, label: bool = False) -> list[dict[str, str]]:
    """Robustness as a table: a row a model, attack and ε (and class)."""
    found = []
    for row in table.itertuples():
        words = {"Model": str(row.model)} if models else {}
        words |= {"Attack": attack_title(str(row.attack)), "ε": eps_title(str(row.eps))}
        words |= {"Class": str(row.label) or NOTHING} if label else {}
        words |= {
            "Accuracy": share(row, "accuracy"),
            "Under attack": share(row, "robust_accuracy"),
            "Turned": share(row, "success"),
            "of": f"{row.success_of:,}",
            "No-op": f"{row.no_op:,}",
        }
        found.append(words)
    return found


def detection_rows(table: DataFrame) -> list[dict[str, str]]:
    """How well metrics tell attacks from benign noise: a row an explainer, metric and frame."""
    return [
        {
            "Explainer": explainer_title(str(row.explainer)),
            "Attack": frame_title(str(row.attack), str(row.eps)),
            "AUROC": f"{number(row.auroc)} ({number(row.auroc_low)}–{number(row.auroc_high)})"
            if math.isfinite(row.auroc)
            else NOTHING,
            "Same image": number(row.paired),
            "Found at 5 % false alarms": percent(row.tpr) if math.isfinite(row.tpr) else NOTHING,
            "Median attacked": number(row.attacked),
            "benign": number(row.control),
            "another seed": number(row.repeat),
            "Images": f"{row.images:,}",
        }
        for row in table.itertuples()
    ]


def cost_rows(table: DataFrame) -> list[dict[str, str]]:
    """What it took: a row a model and method."""
    return [
        {
            "Model": str(row.model),
            "Attack": attack_title(str(row.attack)),
            "Explainer": explainer_title(str(row.explainer)) if row.explainer else NOTHING,
            "Time": duration(row.seconds),
            "an image": f"{row.seconds_an_image:.2g} s",
            "Passes forward": f"{row.forward:,.0f}",
            "backward": f"{row.backward:,.0f}",
        }
        for row in table.itertuples()
    ]
