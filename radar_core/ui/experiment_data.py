"""What the page reads of an experiment's folder: tables, kept as long as the folder is the same."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radar_core.experiments.store import ExperimentStore
from radar_core.runtime import Progress

if TYPE_CHECKING:
    from pandas import DataFrame

    from radar_core.experiments.spec import ExperimentSpec
    from radar_core.ui.jobs import Steps

KEPT = 4  # experiments whose tables stay in memory
PATIENCE = 20  # a run's tables are read again after so many times what reading them took
OUTCOMES = (
    *("kind", "model", "image", "label", "attack", "eps", "norm", "status", "first", "reads"),
    *("tried_on", "explainer", "error", "linf", "l2", "distance", "seconds", "forward", "backward"),
)
SCORES = (*("kind", "model", "image", "attack", "eps", "status", "explainer", "metric", "value"),)


@dataclass(eq=False)
class Tables:
    """The tables of an experiment in one state, each made when it is first asked for.

    Attributes:
        rows: outcomes, costs and failures.
        seconds: that reading them took.
    """

    folder: Path
    state: str
    spec: ExperimentSpec
    rows: DataFrame
    seconds: float
    read: float = field(default_factory=time.monotonic)

    @cached_property
    def robustness(self) -> DataFrame:
        """See `summary.robustness`."""
        from radar_core.experiments.summary import robustness

        return self.in_order(robustness(self.rows))

    def by_class(self, model: str, attack: str, eps: str) -> DataFrame:
        """The same of one frame by the label; empty where none has one."""
        from radar_core.experiments.summary import robustness

        rows = self.rows
        here = (rows.model == model) & (rows.attack == attack) & (rows.eps == eps)
        return robustness(rows[here & (rows.label != "")], by=["label"])

    def in_order(self, table: DataFrame) -> DataFrame:
        """The rows as the experiment names models, attacks and ε; cells come as they are done."""
        if not len(table):
            return table
        frames = [(a, e) for a in self.spec.attacks for e in self.spec.frames(a)]
        place = {frame: number for number, frame in enumerate(frames)}
        names = list(self.spec.models)
        at = [
            (names.index(model) if model in names else len(names), place.get((attack, eps), -1))
            for model, attack, eps in table[["model", "attack", "eps"]].itertuples(index=False)
        ]
        order = sorted(range(len(table)), key=lambda number: at[number])
        return table.iloc[order].reset_index(drop=True)

    @cached_property
    def curves(self) -> DataFrame:
        """See `summary.along_epsilon`; with `low`, `high` and the `unit` of the radius."""
        from radar_core.experiments.summary import along_epsilon
        from radar_core.sanity import Share

        table = along_epsilon(self.rows)
        shares = [Share(round(s * n), n) for s, n in zip(table.success, table["of"], strict=True)]
        ends = [share.interval for share in shares]
        normalised = self._normalised()
        units = [
            "normalised" if attack in normalised else norm
            for attack, norm in zip(table.attack.astype(str), table.norm, strict=True)
        ]
        return table.assign(low=[e[0] for e in ends], high=[e[1] for e in ends], unit=units)

    def _normalised(self) -> set[str]:
        """The attacks whose ε is in normalised units."""
        frames = self.rows[["attack", "eps"]].astype(str).drop_duplicates()
        return set(frames.attack[frames.eps.str.startswith("normalised")])

    @cached_property
    def images(self) -> DataFrame:
        """See `summary.by_image`."""
        from radar_core.experiments.summary import by_image

        return by_image(self.rows)

    @cached_property
    def costs(self) -> DataFrame:
        """See `summary.costs`."""
        from radar_core.experiments.summary import costs

        return costs(self.rows)

    @cached_property
    def transfer(self) -> DataFrame:
        """See `summary.transfer`."""
        from radar_core.experiments.summary import transfer

        return transfer(self.rows)

    @cached_property
    def failures(self) -> DataFrame:
        """See `summary.failures`."""
        from radar_core.experiments.summary import failures

        return failures(self.rows)

    @cached_property
    def paper(self) -> DataFrame:
        """See `summary.paper_table`."""
        from radar_core.experiments.summary import paper_table

        return paper_table(self.rows)

    def turned_by(self, model: str, image: str) -> tuple[str, str] | None:
        """The attack and ε that turned an image with the smallest change; None where none did."""
        rows = self.rows
        here = rows[(rows.image == image) & (rows.model == model) & (rows.status == "flipped")]
        here = here[here.kind == "outcome"]
        if not len(here):
            return None
        row = here.loc[here.linf.idxmin()]
        return str(row.attack), str(row.eps)


_READ: OrderedDict[Path, Tables] = OrderedDict()
_LOCK = threading.Lock()


def tables(folder: Path, *, active: bool = False) -> Tables:
    """The tables of an experiment; while it runs, those of a moment ago where reading takes long.

    Raises:
        BadParameter: the folder holds no experiment.
    """
    with _LOCK:
        old = _READ.get(folder)
        recent = old is not None and time.monotonic() - old.read < PATIENCE * old.seconds
        if old is not None and active and recent:
            return old
        store = ExperimentStore(folder)
        now = store.state()
        if old is None or old.state != now:
            began = time.monotonic()
            rows = store.rows(store.wanted(), OUTCOMES, ("outcome", "cost", "failed", "transfer"))
            seconds = time.monotonic() - began
            old = _READ[folder] = Tables(folder, now, store.spec(), rows, seconds)
        _READ.move_to_end(folder)
        while len(_READ) > KEPT:
            _READ.popitem(last=False)
        return old


def consistency(folder: Path) -> DataFrame | None:
    """What the command has written of the explanations at its end; None where results came since.

    See `consistency.summarise`.
    """
    import pandas as pd

    from radar_core.experiments.results import current

    try:
        return (
            pd.read_parquet(folder / "results" / "consistency.parquet")
            if current(ExperimentStore(folder))
            else None
        )
    except (OSError, ValueError):
        return None


def consistency_steps(folder: Path, model: str, metric: str) -> Steps:
    """The same of one model and metric, computed: a table that grows by an explainer and frame."""

    def steps(progress: Progress) -> Iterator[Any]:
        import pandas as pd
        import pyarrow.compute as pc

        from radar_core.experiments.consistency import summarise

        progress.step(0.0, "reading the results")
        store = ExperimentStore(folder)
        table = store.table(store.wanted(), SCORES, ("attack", "control", "repeat"))
        if table is None:
            yield pd.DataFrame()
            return
        here = pc.and_(pc.equal(table["model"], model), pc.equal(table["metric"], metric))
        rows = table.filter(here).drop_columns(["part"]).to_pandas()
        del table
        groups = list(rows.groupby("explainer", observed=True, sort=False))
        found: list[DataFrame] = []
        for number, (explainer, group) in enumerate(groups):
            frames = group[group.kind == "attack"][["attack", "eps"]].drop_duplicates()
            for n, (attack, eps) in enumerate(frames.itertuples(index=False)):
                progress.step((number + n / len(frames)) / len(groups), f"{explainer}, {attack}")
                here = (group.attack == attack) & (group.eps == eps) | (group.kind == "repeat")
                part = summarise(group[here])
                if len(part):
                    found.append(part)
                yield pd.concat(found, ignore_index=True) if found else pd.DataFrame()

    return steps
