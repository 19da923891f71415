"""The phantom as a data set: three disjoint splits, named cases, masks; drawn when asked for."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from radar_core.data import open_data, synthetic
from radar_core.data.phantom import CLASSES, render
from radar_core.data.synthetic import SPLITS, PhantomData
from radar_core.errors import BadData, NoSuchCase


def test_opens_by_name_with_its_test_split():
    data = open_data("phantom")
    assert data.synthetic
    assert "synthetic" in data.title
    assert "synthetic" in data.found
    assert data.class_names == tuple(sorted(CLASSES)) == CLASSES
    assert len(data) == 1400
    assert data.entries[42].id == "phantom-test-0042"
    assert open_data("phantom", "train").entries[0].split == "train"
    assert open_data("phantom") is data, "one index and its drawings serve all"


def test_splits_are_balanced_and_share_no_seed():
    assert {name: count for name, (_, count) in SPLITS.items()} == {
        "train": 7000,
        "val": 1400,
        "test": 1400,
    }
    assert len({seed for seed, _ in SPLITS.values()}) == 3
    sources: set[str] = set()
    for name, (_, count) in SPLITS.items():
        data = PhantomData(name)
        assert Counter(e.label for e in data.entries) == dict.fromkeys(CLASSES, count // 7)
        sources |= {e.source for e in data.entries}
    assert len(sources) == 9800
    with pytest.raises(BadData, match="splits train, val, test, not 'holdout'"):
        open_data("phantom", "holdout")


def test_a_case_is_the_drawing_with_its_masks():
    data = PhantomData("val", side=64)
    case = data.case(data.find("phantom-val-0003"))
    seed, _ = SPLITS["val"]
    drawn = render(seed, 3, 64)
    assert case.synthetic
    assert case.label == drawn.label
    assert case.image.shape == (3, 64, 64)
    assert np.array_equal((case.image * 255).round().numpy().transpose(1, 2, 0), drawn.image)
    assert case.lesion_mask is not None and case.evidence_mask is not None
    assert np.array_equal(case.lesion_mask.numpy(), drawn.lesion)
    assert np.array_equal(case.evidence_mask.numpy(), drawn.evidence)
    assert data[3].sha256 == case.sha256 != data[4].sha256
    with pytest.raises(NoSuchCase, match="no image 'phantom-test-0003'"):
        data.find("phantom-test-0003")


def test_few_drawings_are_kept(monkeypatch: pytest.MonkeyPatch):
    drawn: list[int] = []

    def counted(seed: int, index: int, size: int) -> object:
        drawn.append(index)
        return render(seed, index, size)

    monkeypatch.setattr(synthetic, "render", counted)
    monkeypatch.setattr(synthetic, "KEEP", 2)
    data = PhantomData("test", side=32)
    for index in (0, 0, 1, 0, 2, 0, 1):
        data.pixels(data.entries[index])
        data.masks(data.entries[index])
    assert drawn == [0, 1, 2, 1]


def test_preview_is_the_same_picture_smaller():
    data = PhantomData("test")
    small = data.preview(data.entries[1], 96)
    assert small.shape == (128, 128, 3)
    assert data.preview(data.entries[1], 500).shape == (224, 224, 3)
    whole = data.pixels(data.entries[1]).astype(float)
    assert np.abs(small.mean((0, 1)) - whole.mean((0, 1))).max() < 2


def test_listing_the_phantom_loads_no_torch():
    code = (
        "import sys; from radar_core.data import open_data; "
        "print(len(open_data('phantom').entries), 'torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["1400", "False"]
