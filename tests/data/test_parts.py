"""Splits that do not leak: a group never in two, every class in each, the same every time."""

from __future__ import annotations

from collections import defaultdict

import pytest

from radar_core.data import open_data
from radar_core.data.parts import Part, counts, fingerprint, folds, shared_groups, with_splits
from radar_core.errors import BadData
from radar_core.types import Entry
from tests.training.halves import Halves


def grouped(count: int = 120, split: str | None = None) -> tuple[Entry, ...]:
    """Three images a lesion, one class in three the rarer."""
    return tuple(
        Entry(f"i{i}", "upper" if (i // 3) % 3 == 0 else "lower", split, str(i), group=f"g{i // 3}")
        for i in range(count)
    )


def test_no_group_stands_in_two_splits_and_classes_keep_their_shares():
    data, how = with_splits(Halves(entries=grouped()))
    assert shared_groups(data.entries) == ()
    assert "by group" in how
    for name, share in (("train", 0.7), ("val", 0.15), ("test", 0.15)):
        found = counts(data.split(name).entries)
        assert sum(found.values()) / 120 == pytest.approx(share, abs=0.06)
        assert found["upper"] / sum(found.values()) == pytest.approx(1 / 3, abs=0.12)
    assert sum(len(data.split(name)) for name in ("train", "val", "test")) == 120


def test_the_same_entries_give_the_same_splits():
    one, other = (with_splits(Halves(entries=grouped()))[0].entries for _ in range(2))
    assert one == other
    assert with_splits(Halves(entries=grouped()), seed=1)[0].entries != one


def test_named_splits_are_kept_and_only_what_is_missing_is_cut():
    entries = (*grouped(90, "train"), Entry("t", "upper", "test", "0"))
    data, how = with_splits(Halves(entries=entries))
    assert how.startswith("val cut at random")
    assert [e.id for e in data.split("test").entries] == ["t"]
    assert len(data.split("train")) + len(data.split("val")) == 90
    own = Halves()
    assert with_splits(own)[0] is own


def test_leaks_of_named_splits_are_told():
    entries = tuple(
        Entry(f"{s}{i}", Halves.class_names[i % 2], s, "0", group=f"g{i}")
        for s in ("train", "val", "test")
        for i in range(2)
    )
    assert "2 groups stand in two of them (g0)" in with_splits(Halves(entries=entries))[1]


def test_a_class_with_too_few_images_is_named():
    entries = (
        *(Entry(f"l{i}", "lower", None, "0") for i in range(9)),
        Entry("u", "upper", None, "0"),
    )
    with pytest.raises(BadData, match=r"too few images of upper .* \(1 independent one\)"):
        with_splits(Halves(entries=entries))
    few = (*entries, Entry("u2", "upper", None, "0"), Entry("u3", "upper", None, "0"))
    data, _ = with_splits(Halves(entries=few))
    assert {
        name: counts(data.split(name).entries)["upper"] for name in ("train", "val", "test")
    } == {
        "train": 1,
        "val": 1,
        "test": 1,
    }


def test_folds_hold_out_each_image_once_and_groups_whole():
    entries = grouped()
    held = defaultdict(int)
    for train, test in folds(entries, 5, seed=0):
        assert not {entries[i].group for i in train} & {entries[i].group for i in test}
        for i in test:
            held[i] += 1
    assert dict(held) == dict.fromkeys(range(120), 1)


def test_a_part_reads_from_the_whole():
    whole = Halves()
    part = Part(whole, whole.entries[2:4])
    assert len(part) == 2
    assert (part.pixels(part.entries[0]) == whole.pixels(whole.entries[2])).all()
    assert part.split("train").entries == part.entries
    with pytest.raises(BadData, match="no split 'val'"):
        part.split("val")


def test_a_fingerprint_tells_labels_splits_and_groups_but_not_order():
    entries = grouped(9)
    assert fingerprint(entries) == fingerprint(entries[::-1])
    changed = (Entry("i0", "lower", None, "0", group="g0"), *entries[1:])
    assert fingerprint(changed) != fingerprint(entries)


def test_a_table_gives_the_group(tmp_path):
    from PIL import Image

    rows = ["image,label,lesion_id,patient_id"]
    for i in range(4):
        Image.new("RGB", (16, 16), (9 * i, 50, 60)).save(tmp_path / f"i{i}.png")
        rows.append(f"i{i},{'ab'[i % 2]},L{i},P{i // 2}")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    assert [e.group for e in open_data(str(tmp_path)).entries] == ["P0", "P0", "P1", "P1"]


def test_a_split_of_data_that_names_none_is_the_one_trained_with(tmp_path):
    from PIL import Image

    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for i in range(10):
            Image.new("RGB", (16, 16), (9 * i, 50, 60)).save(tmp_path / label / f"{i}.png")
    found = {s: open_data(str(tmp_path), split=s).entries for s in ("train", "val", "test")}
    assert sum(map(len, found.values())) == 20
    assert found["test"] == with_splits(open_data(str(tmp_path)))[0].split("test").entries
    with pytest.raises(BadData, match="no split 'other'"):
        open_data(str(tmp_path), split="other")
