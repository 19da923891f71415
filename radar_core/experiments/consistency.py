"""How well each metric of each explainer tells an attack from benign noise of its size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from radar_core.attacks import ATTACKS

if TYPE_CHECKING:
    from pandas import DataFrame

DRAWS = 2000
SEED = 47
FALSE_ALARMS = 0.05


def is_reached(rows: DataFrame) -> NDArray[np.bool_]:
    """Whether each attack did to the reading what it was to do.

    An attack turns it; one on the explanation leaves it.
    """
    leaves = {name: leaves_reading(name) for name in rows.attack.astype(str).unique()}
    wanted = rows.attack.astype(str).map(leaves).to_numpy(dtype=bool)
    found: NDArray[np.bool_] = np.where(wanted, rows.status == "held", rows.status == "flipped")
    return found


def leaves_reading(attack: str) -> bool:
    """Whether an attack is on the explanation alone."""
    return attack in ATTACKS and ATTACKS[attack].family == "explanation"


def summarise(rows: DataFrame) -> DataFrame:
    """One row a model, explainer, metric, attack and ε.

    Only adversarial examples count: images that were read right (or have no label) and that the
    attack turned. The score is how far the value departs from equal maps. Columns:

    - `images`: adversarial examples whose value is defined; `undefined`: those where it is not.
    - `attacked`, `control`: median of the metric for the attacked images and for their controls,
      with the quartiles beside (`_low`, `_high`).
    - `auroc`: chance that an attacked image departs more than a benign one of any image, ties half,
      with a 95 % interval (`auroc_low`, `auroc_high`) from resampling whole images.
    - `paired`: the same against the controls of the same image alone.
    - `tpr`: share of attacked images beyond the threshold that 5 % of the controls pass.
    - `repeat`: median of the metric between two explanations of the clean image, which differ in
      the seed alone; NaN for an explainer that draws nothing.
    """
    import pandas as pd

    found: list[dict[str, Any]] = []
    again = rows[rows.kind == "repeat"].groupby(["model", "explainer", "metric"], observed=True)
    repeats = again.value.median().to_dict()
    reached = rows[rows.kind.isin(["attack", "control"]) & is_reached(rows)]
    keys = ["model", "explainer", "metric", "attack", "eps"]
    for key, group in reached.groupby(keys, sort=False, observed=True):
        model, explainer, metric, attack, eps = key
        sign = -1.0 if _direction(metric) == "higher" else 1.0
        attacked = group[group.kind == "attack"].set_index("image").value
        controls = group[group.kind == "control"]
        defined = attacked.dropna()
        by_image = {
            i: g.value.dropna().to_numpy() for i, g in controls.groupby("image", observed=True)
        }
        benign = [by_image.get(image, np.empty(0)) for image in defined.index]
        said: dict[str, Any] = {
            "model": model,
            "explainer": explainer,
            "metric": metric,
            "attack": attack,
            "eps": eps,
            "images": len(defined),
            "undefined": len(attacked) - len(defined),
            "repeat": float(repeats.get((model, explainer, metric), np.nan)),
        }
        pooled = np.concatenate(benign) if benign else np.empty(0)
        for name, values in (("attacked", defined.to_numpy()), ("control", pooled)):
            low, middle, high = (
                np.quantile(values, (0.25, 0.5, 0.75)) if len(values) else (np.nan,) * 3
            )
            said |= {name: middle, f"{name}_low": low, f"{name}_high": high}
        wins, pairs = comparisons(sign * defined.to_numpy(), [sign * b for b in benign])
        value, low, high = auroc(wins, pairs)
        said |= {"auroc": value, "auroc_low": low, "auroc_high": high}
        own = np.diag(pairs) > 0
        said["paired"] = (
            float(np.mean(np.diag(wins)[own] / np.diag(pairs)[own])) if own.any() else np.nan
        )
        said["tpr"] = true_positive_rate(sign * defined.to_numpy(), sign * pooled)
        found.append(said)
    return pd.DataFrame(found)


def comparisons(
    attacked: Float64[np.ndarray, " n"], benign: list[NDArray[np.float64]]
) -> tuple[Float64[np.ndarray, "n n"], Float64[np.ndarray, "n n"]]:
    """How often image i's attacked score beats image j's benign ones (ties half), and of how many.

    Scores are higher the more suspicious.
    """
    count = len(attacked)
    wins, pairs = np.zeros((count, count)), np.zeros((count, count))
    for j, scores in enumerate(benign):
        beaten = (attacked[:, None] > scores) + 0.5 * (attacked[:, None] == scores)
        wins[:, j], pairs[:, j] = beaten.sum(1), len(scores)
    return wins, pairs


def auroc(
    wins: Float64[np.ndarray, "n n"], pairs: Float64[np.ndarray, "n n"]
) -> tuple[float, float, float]:
    """Area under the ROC curve with its 95 % interval, by bootstrap over images.

    The area is the Mann-Whitney statistic (Hanley & McNeil 1982); an image is drawn with its
    attacked score and all of its benign ones together, so that what is alike within an image does
    not pass for evidence (Field & Welsh 2007).
    """
    count = len(wins)
    if not pairs.sum():
        return np.nan, np.nan, np.nan
    draws = np.random.default_rng(SEED).multinomial(count, np.full(count, 1 / count), DRAWS)
    above = np.einsum("di,ij,dj->d", draws, wins, draws, optimize=True)
    of = np.einsum("di,ij,dj->d", draws, pairs, draws, optimize=True)
    areas = above[of > 0] / of[of > 0]
    low, high = np.quantile(areas, (0.025, 0.975))
    return float(wins.sum() / pairs.sum()), float(low), float(high)


def true_positive_rate(
    attacked: Float64[np.ndarray, " n"], benign: Float64[np.ndarray, " m"]
) -> float:
    """Share of attacked scores above the lowest threshold that at most 5 % of benign ones pass."""
    if not len(attacked) or not len(benign):
        return np.nan
    allowed = int(FALSE_ALARMS * len(benign))
    threshold = np.sort(benign)[len(benign) - 1 - allowed]
    return float(np.mean(attacked > threshold))


def _direction(metric: str) -> str:
    from radar_core.metrics import METRICS

    return METRICS[metric].direction if metric in METRICS else "lower"
