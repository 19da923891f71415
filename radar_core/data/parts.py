"""Some entries of a data set, and splits for a data set that comes without them."""

from __future__ import annotations

import hashlib
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from radar_core.data.base import DataSet
from radar_core.errors import BadData
from radar_core.types import Entry

NAMES = ("train", "val", "test")
PARTS = 20  # a split is made of twentieths: 14 to train on, 3 to choose by, 3 to test on
SHARE = {"train": 14, "val": 3, "test": 3}


def in_order(splits: Iterable[str | None]) -> list[str]:
    """Names of splits as one reads them: train, val, test, then others; none counts as none."""
    named = {name for name in splits if name}
    return [*(name for name in NAMES if name in named), *sorted(named - set(NAMES))]


class Part(DataSet):
    """Some entries of another data set, whose `split` may say something else.

    Args:
        whole: where the images are read.
        entries: some of its entries.
        everything: all entries among which `split` looks; without it, these.
    """

    def __init__(
        self, whole: DataSet, entries: Sequence[Entry], everything: Sequence[Entry] | None = None
    ) -> None:
        self.whole = whole
        self.name, self.title, self.synthetic = whole.name, whole.title, whole.synthetic
        self.class_names, self.problems = whole.class_names, whole.problems
        self.entries = tuple(entries)
        self._everything = self.entries if everything is None else everything

    @property
    def found(self) -> str:
        return f"{len(self.entries):,} images of these: {self.whole.found}"

    def pixels(self, entry: Entry) -> NDArray[np.uint8]:
        return self.whole.pixels(entry)

    def preview(self, entry: Entry, side: int) -> NDArray[np.uint8]:
        return self.whole.preview(entry, side)

    def masks(self, entry: Entry) -> tuple[NDArray[np.bool_] | None, NDArray[np.bool_] | None]:
        return self.whole.masks(entry)

    def split(self, name: str) -> Part:
        entries = [e for e in self._everything if e.split == name]
        if not entries:
            has = sorted({e.split for e in self._everything if e.split})
            raise BadData(f"{self.name} has no split {name!r}; it has {', '.join(has) or 'none'}")
        return Part(self.whole, entries, self._everything)


def shared_groups(entries: Sequence[Entry]) -> tuple[str, ...]:
    """Groups (a lesion, a patient) that stand in more than one split: the test would leak."""
    splits = defaultdict(set)
    for entry in entries:
        if entry.group is not None and entry.split is not None:
            splits[entry.group].add(entry.split)
    return tuple(sorted(group for group, found in splits.items() if len(found) > 1))


def with_splits(data: DataSet, seed: int = 0) -> tuple[DataSet, str]:
    """A data set with `train`, `val` and `test`, and a sentence on where they come from.

    Splits that the data names are kept. What is missing is cut out of its training images (or of
    all, where no split is named): 70, 15 and 15 %, stratified by class, a group never in two.
    The cut depends on the entries and the seed alone, so that whoever asks again gets the same.

    Raises:
        BadData: a class has too few groups to stand in every split that is cut.
    """
    if data.synthetic and data.name == "phantom":
        return data, "the phantom's own splits, which share no case"
    has = {e.split for e in data.entries if e.split}
    if set(NAMES) <= has:
        leaks = shared_groups(data.entries)
        said = "the data's own splits"
        if leaks:
            said += f"; {len(leaks):,} groups stand in two of them ({leaks[0]}): figures flatter"
        elif any(e.group for e in data.entries):
            said += ", none of whose groups stands in two"
        return data, said
    if has and "train" not in has:
        raise BadData(
            f"{data.name} names the split {', '.join(sorted(has))} but no train; "
            "name training images, or no split at all"
        )
    pool = [e for e in data.entries if e.label and (e.split == "train" or not has)]
    wanted = [name for name in NAMES if name not in has or name == "train"]
    cut = _cut(data.name, pool, wanted, seed)
    moved = {id(e): replace(e, split=split) for e, split in zip(pool, cut, strict=True)}
    entries = [moved.get(id(e), e) for e in data.entries]
    grouped = "by group" if any(e.group for e in pool) else "by image (no column names a group)"
    made = " and ".join(wanted[1:]) if has else "train, val and test"
    return Part(data, entries), f"{made} cut at random, stratified by class and {grouped}"


def _cut(name: str, pool: Sequence[Entry], wanted: Sequence[str], seed: int) -> list[str]:
    groups = _groups(pool)
    per_class = defaultdict(set)
    for entry, group in zip(pool, groups, strict=True):
        per_class[entry.label].add(group)
    scarce = [c for c, found in per_class.items() if len(found) < len(wanted)]
    if scarce:
        few = len(per_class[scarce[0]])
        raise BadData(
            f"{name} has too few images of {scarce[0]} to be split into {', '.join(wanted)} "
            f"({few} independent {'one' if few == 1 else 'ones'}); add some or leave the class out"
        )
    # A class with fewer groups than twentieths would miss splits by chance: fewer, larger parts.
    fewest = min(len(found) for found in per_class.values())
    parts = min(PARTS, fewest)
    share = {w: max(1, round(SHARE[w] / PARTS * parts)) for w in wanted[1:]}
    names = [split for split, count in share.items() for _ in range(count)]
    if len(names) >= parts:
        names = list(wanted[1:])
    names += ["train"] * (parts - len(names))
    numbers = np.empty(len(pool), dtype=int)
    for number, (_, held) in enumerate(folds(pool, parts, seed)):
        numbers[held] = number
    return [names[number] for number in numbers]


def folds(
    entries: Sequence[Entry], count: int, seed: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Positions to train on and to hold out, `count` times: stratified by class, groups whole."""
    from sklearn.model_selection import StratifiedGroupKFold

    labels = [entry.label for entry in entries]
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    with warnings.catch_warnings():  # of a class with fewer members than folds: judged by callers
        warnings.simplefilter("ignore", UserWarning)
        yield from splitter.split(np.zeros(len(labels)), labels, _groups(entries))


def _groups(entries: Sequence[Entry]) -> list[str]:
    """A name for what must stay together: the group, or the image itself."""
    return [f"g/{e.group}" if e.group is not None else f"i/{e.id}" for e in entries]


def counts(entries: Sequence[Entry]) -> dict[str, int]:
    """Images a class, by name."""
    found = Counter(e.label for e in entries if e.label is not None)
    return dict(sorted(found.items()))


def fingerprint(entries: Sequence[Entry]) -> str:
    """A hash of which images stand where with which label."""
    lines = sorted(f"{e.split}\t{e.id}\t{e.label}\t{e.group}" for e in entries)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
