"""Read every image of a set, then attack every image, in batches; what is known is not redone."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radar_core import __version__
from radar_core.errors import BadData, BadModel
from radar_core.runtime import Progress
from radar_core.settings import settings
from radar_core.survey.store import SurveyStore
from radar_core.survey.types import Effect, Row, Survey

if TYPE_CHECKING:
    from torch import Tensor

    from radar_core.data import DataSet
    from radar_core.models.classifier import Classifier
    from radar_core.types import Entry

FORMAT = 1  # of what is kept; another one is computed anew
READ_AT_ONCE, ATTACKED_AT_ONCE = 16, 4  # a step is about a second on two cores
EARLY = 4  # ε of the axis that every image is attacked at
METRIC = "topk_overlap"


@dataclass(frozen=True)
class SurveySettings:
    """What decides a survey's numbers beside the model and the images.

    Attributes:
        attack: a registered attack that keeps to a budget; FGSM takes one gradient for all ε.
        grid: the ε axis, as `radar_core.epsilon.parse_grid` reads it.
        explainer: a registered explainer whose map of an image does not depend on its company.
        seed: of every random draw.
    """

    attack: str = "fgsm"
    grid: str = "default"
    explainer: str = "gradcam"
    seed: int = 0

    def axis(self) -> tuple[str, ...]:
        """The ε at which a reading can flip, in rising order, as they are written."""
        from radar_core.attacks import ATTACKS
        from radar_core.epsilon import parse_grid

        norm = ATTACKS.create(self.attack).norm
        return tuple(eps.text for eps in parse_grid(self.grid, norm) if eps.value)


def run_survey(
    data: DataSet,
    model: Classifier,
    wanted: SurveySettings | None = None,
    *,
    store: SurveyStore | None = None,
    compute: bool = True,
    progress: Progress | None = None,
) -> Iterator[Survey]:
    """Survey a data set, yielding what is known: at once, then after each batch.

    The readings of all images come first, then the attack on each: its smallest flipping ε on the
    axis (`Effect.eps`), and how far the explanation stays where it was. With a store, images that
    were read or attacked before, in this or another set, are not computed again.

    Args:
        data: labels are not needed.
        compute: False gives what the store knows, and nothing else is done.
        store: where results are kept; it may be shared by threads and processes.

    Raises:
        BadData: no image at all, or none that can be read.
        Cancelled: asked to stop; what was found until then is in the store.
    """
    wanted, progress = wanted or SurveySettings(), progress or Progress()
    if not len(data):
        raise BadData(f"{data.name} holds no image; name a split or a folder that does")
    keys = _keys(model, wanted)
    state = _known(data, keys, store)
    yield state
    if not compute:
        return
    state = yield from _read(data, model, state, keys, store, progress.part(0.0, 0.2))
    if not state.rows:
        id, why = next(iter(state.unreadable.items()))
        raise BadData(f"none of the {len(data):,} images of {data.name} can be read ({id}: {why})")
    state = replace(state, stage="effects")
    part = progress.part(0.2, 1.0)
    state = yield from _attack(data, model, state, wanted, keys[1], store, part)
    progress.step(1.0, "done")
    yield replace(state, stage="done")


def _keys(model: Classifier, wanted: SurveySettings) -> tuple[str, str]:
    """What readings and what effects are kept under."""
    reading = (FORMAT, __version__, model.sha256(), settings().precision)
    effect = (*reading, model.cam_layer_name, *astuple(wanted))
    return _digest(reading), _digest(effect)


def _digest(parts: tuple[object, ...]) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def _stamp(entry: Entry) -> str | None:
    """What tells without opening it that an image is the one it was; None: it has to be opened."""
    if entry.source.startswith("phantom:"):
        return f"{__version__}/{entry.source}"
    path = Path(entry.source)
    if not path.is_absolute():
        return None
    try:
        found = path.stat()
    except OSError:
        return None
    return f"{path}|{found.st_size}|{found.st_mtime_ns}"


def _known(data: DataSet, keys: tuple[str, str], store: SurveyStore | None) -> Survey:
    """What the store knows of the images of a set."""
    if store is None:
        return Survey(len(data))
    hashes, rows = store.hashes(), store.rows(*keys)
    found = {}
    for entry in data.entries:
        stamp = _stamp(entry)
        row = rows.get(hashes.get(stamp, "")) if stamp else None
        if row is not None:
            found[entry.id] = row
    return Survey(len(data), found, notes=_notes(store))


def _notes(store: SurveyStore | None) -> tuple[str, ...]:
    return (store.error,) if store is not None and store.error else ()


def _read(
    data: DataSet,
    model: Classifier,
    state: Survey,
    keys: tuple[str, str],
    store: SurveyStore | None,
    progress: Progress,
) -> Generator[Survey, None, Survey]:
    import torch

    from radar_core.evaluation.reading import batches

    left = [entry for entry in data.entries if entry.id not in state.rows]
    known = store.rows(*keys) if store else {}  # the same picture may lie elsewhere, too
    way: dict[str, Any] = {"most": READ_AT_ONCE, "hashed": True, "before": len(state.rows)}
    for batch in batches(data, left, model, progress, **way):
        rows: dict[str, Row] = {}
        if batch.entries:
            new = [i for i, sha in enumerate(batch.hashes) if sha not in known]
            read = model.read(torch.cat([batch.images[i] for i in new])) if new else ()
            for i, reading in zip(new, read, strict=True):
                sha = batch.hashes[i]
                known[sha] = Row(sha, reading.label, reading.probability)
            rows = {
                entry.id: known[sha] for entry, sha in zip(batch.entries, batch.hashes, strict=True)
            }
        if store is not None:
            stamps = {stamp: rows[e.id].sha256 for e in batch.entries if (stamp := _stamp(e))}
            store.keep_readings(keys[0], rows.values(), stamps)
        state = replace(
            state,
            rows={**state.rows, **rows},
            unreadable={**state.unreadable, **{p.name: p.why for p in batch.problems}},
            notes=_notes(store),
        )
        yield state
    return state


def _attack(
    data: DataSet,
    model: Classifier,
    state: Survey,
    wanted: SurveySettings,
    key: str,
    store: SurveyStore | None,
    progress: Progress,
) -> Generator[Survey, None, Survey]:
    import torch

    from radar_core.evaluation.reading import batches

    left = [e for e in data.entries if e.id in state.rows and state.rows[e.id].effect is None]
    way: dict[str, Any] = {"most": ATTACKED_AT_ONCE, "doing": "attacked"}
    for batch in batches(data, left, model, progress, **way, before=state.attacked):
        if not batch.entries:
            continue
        effects, said = _effects(model, torch.cat(batch.images), wanted)
        rows = {
            entry.id: replace(state.rows[entry.id], effect=effect)
            for entry, effect in zip(batch.entries, effects, strict=True)
        }
        if store is not None:
            store.keep_effects(key, rows.values())
        notes = dict.fromkeys((*_notes(store), *said))
        state = replace(state, rows={**state.rows, **rows}, notes=tuple(notes))
        yield state
    return state


def _effects(
    model: Classifier, clean: Tensor, wanted: SurveySettings
) -> tuple[list[Effect], list[str]]:
    """The effect on each image of a batch (n, 3, s, s), and what is to be said of it.

    Most readings turn at a small ε, so the larger ones are tried on the others alone.
    """
    from radar_core.api import attack_grid
    from radar_core.api.flipping import flipped

    axis, left = wanted.axis(), list(range(len(clean)))
    eps, attacked, read = [""] * len(clean), list(clean), [""] * len(clean)
    for part in (axis[:EARLY], axis[EARLY:]):
        if not (part and left):
            continue
        frames = attack_grid(model, clean[left], wanted.attack, part, seed=wanted.seed)
        for row, i in enumerate(left):
            first = next((frame for frame in frames if flipped(frame, row)), None)
            eps[i] = first.eps if first else ""
            attacked[i] = (first or frames[-1]).images[row]
            read[i] = frames[0].readings_clean[row].label
        left = [i for i in left if not eps[i]]
    overlaps, said = _overlaps(model, clean, attacked, read, wanted)
    return [Effect(e, o) for e, o in zip(eps, overlaps, strict=True)], said


def _overlaps(
    model: Classifier,
    clean: Tensor,
    attacked: Sequence[Tensor],
    read: Sequence[str],
    wanted: SurveySettings,
) -> tuple[Sequence[float | None], list[str]]:
    """How far the explanation of each image, for the class read in it, stays where it was."""
    import torch

    from radar_core.api import compare, explain

    count = len(clean)
    try:
        maps = explain(
            model,
            torch.cat([clean, torch.stack(list(attacked))]),
            wanted.explainer,
            target=[*read, *read],
            seed=wanted.seed,
        )
    except BadModel as error:
        return [None] * count, [str(error)]
    values = [compare(maps[i], maps[count + i], [METRIC])[METRIC] for i in range(count)]
    return [None if math.isnan(value) else value for value in values], []
