"""Tables of an experiment: what attacks did, to which images, and at what cost.

All take the rows of `store.rows` (see `columns`) and compute nothing anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from radar_core.epsilon import parse_epsilon
from radar_core.experiments.consistency import leaves_reading
from radar_core.sanity import Share

if TYPE_CHECKING:
    from pandas import DataFrame

OF_A_FRAME = ["model", "attack", "eps"]
NOT_TURNED = ("held", "no-op")


def outcomes(rows: DataFrame) -> DataFrame:
    """What the attacks did: a row a model, attack, ε and image, in the order of the grid."""
    return rows[rows.kind == "outcome"]


def radius(eps: str, norm: str = "linf") -> float:
    """The radius of an ε as a number; infinite for `own`, its own distance."""
    return parse_epsilon(str(eps), "l2" if norm == "l2" else "linf").value


def robustness(rows: DataFrame, by: Sequence[str] = ()) -> DataFrame:
    """A row a model, attack and ε: accuracy before and after, and the success rate.

    Columns:

    - `images`: those whose label is a class of the model; `right`: how many were read right.
    - `accuracy`, `robust_accuracy`: the share read right before, and both before and after, of
      `images`. An image that was read wrongly is attacked away from that reading, and may happen to
      be read right then: that is no robustness (Croce & Hein 2020, arXiv:2003.01690).
    - `success`: the share that the attack turned, of those read right (of images without a label,
      of all). Each with a 95 % Wilson interval beside (`_low`, `_high`), and `success_of`, how many
      it is a share of.
    - `no_op`: how many of these nothing was changed in.
    - `linf`, `l2`: median distance reached, of those turned.

    Args:
        by: further columns to part them by, such as `label`.
    """
    import pandas as pd

    found: list[dict[str, Any]] = []
    done = outcomes(rows)
    keys = [*OF_A_FRAME, *by]
    for key, group in done.groupby(keys, sort=False, observed=True):
        said: dict[str, Any] = dict(zip(keys, key, strict=True))
        labelled = group[group.label != ""]
        first, reads = (labelled[name].astype(str) for name in ("first", "reads"))
        label = labelled.label.astype(str)
        tried = group[group.status != "already wrong"]
        turned = tried[tried.status == "flipped"]
        said |= {"images": len(labelled), "right": int((first == label).sum())}
        said |= _share("accuracy", said["right"], len(labelled))
        said |= _share(
            "robust_accuracy", int(((first == label) & (reads == label)).sum()), len(labelled)
        )
        aims = not leaves_reading(str(said["attack"]))  # to turn the reading
        said |= _share("success", len(turned), len(tried) if aims else 0)
        said |= {"success_of": len(tried), "no_op": int((tried.status == "no-op").sum())}
        said |= {"norm": str(group.norm.iloc[0])}
        said |= {name: float(turned[name].median()) for name in ("linf", "l2")}
        found.append(said)
    return pd.DataFrame(found)


def _share(name: str, hits: int, of: int) -> dict[str, float]:
    if not of:
        return {name: np.nan, f"{name}_low": np.nan, f"{name}_high": np.nan}
    share = Share(hits, of)
    low, high = share.interval
    return {name: share.value, f"{name}_low": low, f"{name}_high": high}


def along_epsilon(rows: DataFrame, points: int = 64) -> DataFrame:
    """Curves of the success rate: a row a model, attack and point.

    An attack that keeps to a budget has a point an ε. One that seeks the nearest example has the
    share of images whose distance is at most `radius` (Carlini et al. 2019), a point a distance,
    `points` at most. Columns: `model`, `attack`, `norm`, `radius`, `success`, `of`.
    """
    import pandas as pd

    found: list[dict[str, Any]] = []
    tried = outcomes(rows)
    tried = tried[tried.status != "already wrong"]
    for (model, attack), group in tried.groupby(["model", "attack"], sort=False, observed=True):
        norm = str(group.norm.iloc[0])
        about = {"model": model, "attack": attack, "norm": norm}
        budget = group[group.eps != "own"]
        for eps, at in budget.groupby("eps", sort=False, observed=True):
            success = float((at.status == "flipped").mean())
            found.append({**about, "radius": radius(eps, norm), "success": success, "of": len(at)})
        nearest = group[group.eps == "own"]
        if len(nearest):
            reached = np.sort(nearest.distance.where(nearest.status == "flipped").dropna())
            steps = np.unique(np.linspace(0, len(reached), points + 1).astype(int))
            for count in steps[steps > 0]:
                distance, success = float(reached[count - 1]), count / len(nearest)
                found.append({**about, "radius": distance, "success": success, "of": len(nearest)})
    table = pd.DataFrame(found, columns=["model", "attack", "norm", "radius", "success", "of"])
    return table.sort_values(["model", "attack", "radius"], kind="stable", ignore_index=True)


def confusion(rows: DataFrame, model: str, attack: str, eps: str) -> DataFrame:
    """Counts of what was read first (rows) against what is read after the attack (columns)."""
    import pandas as pd

    done = outcomes(rows)
    here = done[(done.model == model) & (done.attack == attack) & (done.eps == eps)]
    first, reads = here["first"].astype(str), here["reads"].astype(str)
    names = sorted({*first, *reads})
    counts = pd.crosstab(first, reads)
    return counts.reindex(index=names, columns=names, fill_value=0)


def transfer(rows: DataFrame) -> DataFrame:
    """How far adversarial examples of one model turn others: a row a pair of models, attack and ε.

    Only images count that the attack turned on its own model and that the other read right (or
    that have no label): `success` of `of`, with its 95 % Wilson interval. A model on itself is its
    own success rate of 1 and is left out.
    """
    import pandas as pd

    moved = outcomes(rows)
    moved = moved[moved.status == "flipped"]
    turned = set(zip(*(moved[n].astype(str) for n in (*OF_A_FRAME, "image")), strict=True))
    tried = rows[(rows.kind == "transfer") & (rows.status != "already wrong")]
    keys = zip(*(tried[n].astype(str) for n in (*OF_A_FRAME, "image")), strict=True)
    tried = tried[np.array([key in turned for key in keys], dtype=bool)]
    found: list[dict[str, Any]] = []
    names = [*OF_A_FRAME, "tried_on"]
    for key, group in tried.groupby(names, sort=False, observed=True):
        said: dict[str, Any] = dict(zip(names, key, strict=True))
        said |= _share("success", int((group.status == "flipped").sum()), len(group))
        found.append({**said, "of": len(group)})
    columns = [*names, "success", "success_low", "success_high", "of"]
    return pd.DataFrame(found, columns=columns)


def by_image(rows: DataFrame) -> DataFrame:
    """How easily each image is turned: a row a model and image, the most fragile first.

    Columns: `model`, `image`, `label`, `first`, `turned` (of how many attacks and ε, of `frames`),
    `smallest` (the smallest ε in grey levels of 255 at which an attack in L∞ turned it; NaN: none).
    """
    import pandas as pd

    done = outcomes(rows)
    done = done[done.status != "already wrong"]
    if not len(done):
        return pd.DataFrame(columns=["model", "image", "label", "first", "turned", "frames"])
    turned = done.status == "flipped"
    size = done.linf.where(turned & (done.norm == "linf")) * 255
    table = done.assign(turned=turned, smallest=size).groupby(
        ["model", "image"], sort=False, observed=True
    )
    found = table.agg(
        label=("label", "first"),
        first=("first", "first"),
        turned=("turned", "sum"),
        frames=("turned", "size"),
        smallest=("smallest", "min"),
    ).reset_index()
    return found.sort_values(
        ["turned", "smallest"], ascending=[False, True], kind="stable", ignore_index=True
    )


def devices(rows: DataFrame) -> list[str]:
    """The kinds of device on which the results were computed, if any was recorded."""
    found = {str(kind) for kind in rows.status[rows.kind == "cost"].unique()}
    named = sorted(found - {""})
    return [*named, "another that was not recorded"] if named and "" in found else named


def costs(rows: DataFrame) -> DataFrame:
    """What it took: a row a model and method; passes and seconds in all and an image."""
    import pandas as pd

    spent = rows[(rows.kind == "cost") & (rows.tried_on == "")]
    images = outcomes(rows).groupby("model", observed=True).image.nunique()
    found: list[dict[str, Any]] = []
    for (model, attack, explainer), group in spent.groupby(
        ["model", "attack", "explainer"], sort=False, observed=True
    ):
        count = max(1, int(images.get(model, 1)))
        found.append(
            {
                "model": model,
                "attack": attack,
                "explainer": explainer,
                "seconds": float(group.seconds.sum()),
                "forward": float(group.forward.sum()),
                "backward": float(group.backward.sum()),
                "seconds_an_image": float(group.seconds.sum()) / count,
            }
        )
    return pd.DataFrame(found)


def failures(rows: DataFrame) -> DataFrame:
    """What could not be had, and why: a row an image, attack or explainer and reason."""
    lost = rows[rows.kind == "failed"]
    names = ["model", "attack", "explainer", "image", "error"]
    return lost[names].astype(str).drop_duplicates(ignore_index=True)


def paper_table(rows: DataFrame) -> DataFrame:
    """Success rates laid out as in the paper: attacks and ε down, models across, in per cent."""
    table = robustness(rows)
    if not len(table):
        return table
    wide = table.assign(percent=100 * table.success).pivot_table(
        index=["attack", "eps"], columns="model", values="percent", sort=False, observed=True
    )
    return wide.reset_index()
