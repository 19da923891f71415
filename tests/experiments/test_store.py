"""The folder: files whole or not at all, many put into one, wishes, a full disk."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace

import pandas as pd
import pytest

from radar_core.errors import BadParameter, CannotWrite
from radar_core.experiments.cells import Part
from radar_core.experiments.course import read_course
from radar_core.experiments.found import Found
from radar_core.experiments.run import run_experiment
from radar_core.experiments.store import LOOSE, ExperimentStore


def cell(number, value=1.0):
    """The Parquet file of a made-up cell with one part and two rows."""
    part = Part(f"{number:024x}", "4/255", "")
    row = {"part": part.key, "kind": "outcome", "model": "m", "attack": "pgd", "eps": "4/255"}
    found = Found([{**row, "image": f"i{number}", "linf": value} for _ in range(2)])
    return part.key, found.parquet([part])


def test_many_files_are_put_into_one_and_nothing_is_lost(tmp_path):
    store = ExperimentStore(tmp_path)
    keys = []
    for number in range(LOOSE):
        key, content = cell(number, number)
        store.add(key, content, {})
        keys.append(key)
        store.compact()
    files = list((tmp_path / "cells").glob("*.parquet"))
    assert [f.name.startswith("many-") for f in files] == [True]
    found = ExperimentStore(tmp_path)
    assert found.known(whole=True) == set(keys)
    assert sorted(found.rows(keys).linf.unique()) == list(range(LOOSE))
    assert len(found.rows(keys[:3])) == 6, "of one file, the parts that are asked for"
    assert found.rows(keys[:3], ["image"]).image.nunique() == 3


def test_rows_of_a_kind_are_read_by_themselves(whole):
    import pyarrow.parquet as pq

    store = ExperimentStore(whole)
    rows = store.rows(store.wanted())
    some = store.rows(store.wanted(), ["kind", "image"], ["outcome", "cost"])
    assert len(some) == rows.kind.isin(["outcome", "cost"]).sum() > 0
    assert set(some.kind) == {"outcome", "cost"}
    (path,) = (whole / "cells").glob("many-*.parquet")
    kinds = pq.read_table(path, columns=["kind"])["kind"].to_pylist()
    assert kinds == sorted(kinds), "so that whole groups of rows can be passed over"


def test_a_part_found_twice_counts_once(tmp_path):
    store = ExperimentStore(tmp_path)
    key, content = cell(1)
    store.add(key, content, {})
    store.add("again", cell(1, 2.0)[1], {})  # as a kill between writing and removing leaves it
    assert len(store.rows([key])) == 2
    store.compact(all_of_them=True)
    assert len(ExperimentStore(tmp_path).rows([key])) == 2


def test_a_file_beside_others_is_no_result(tmp_path):
    store = ExperimentStore(tmp_path)
    key, content = cell(1)
    store.add(key, content, {"arrays/a/b.npz": b"x"})
    (tmp_path / "cells" / "notes.parquet").write_text("no Parquet at all")
    assert store.known() == {key}
    assert len(store.rows({key, "f" * 24})) == 2
    assert (tmp_path / "arrays" / "a" / "b.npz").read_bytes() == b"x"
    assert list(store.rows([], ["image"]).columns) == ["image"]
    with pytest.raises(BadParameter, match="holds no experiment"):
        store.spec()


def test_a_full_disk_is_one_sentence_and_the_run_goes_on_elsewhere(spec, engine, whole, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(small)]
    mounted = subprocess.run(mount, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("no right to mount a small disk here")
    try:
        kept = replace(spec, keep="npz")
        with pytest.raises(CannotWrite, match=r"cannot be written \(No space left"):
            list(run_experiment(kept, small / "out", engine))
        done = ExperimentStore(small / "out").known(whole=True)
        assert not list((small / "out").rglob("*.part")), "half a file is no file"
        shutil.copytree(small / "out", tmp_path / "roomy")
    finally:
        subprocess.run(["umount", str(small)], check=True)
    *_, last = run_experiment(kept, tmp_path / "roomy", engine, resume=True)
    assert last.done == 4
    roomy = ExperimentStore(tmp_path / "roomy")
    assert done <= roomy.known()
    mine, other = roomy.rows(roomy.wanted()), ExperimentStore(whole)
    other = other.rows(other.wanted())
    assert len(mine) == len(other)
    values = [
        frame[frame.kind == "attack"].value.sort_values().to_numpy() for frame in (mine, other)
    ]
    pd.testing.assert_series_equal(*(pd.Series(v) for v in values))


def test_a_course_that_cannot_be_read_is_none(tmp_path):
    assert read_course(tmp_path) is None
    for text in ("", "[]", '{"state": "done"}', '{"failures": 3}'):
        (tmp_path / "course.json").write_text(text)
        assert read_course(tmp_path) is None
