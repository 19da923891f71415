"""The layouts of real data sets, on real images."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from radar_core.data import open_data
from radar_core.data.phantom import CLASSES
from radar_core.data.thumbnails import thumbnail

pytestmark = pytest.mark.real


@pytest.mark.parametrize(
    ("path", "used", "splits"),
    [
        ("", "labels.csv", True),
        ("labels.csv", "labels.csv", True),
        ("radar_mix.csv", "radar_mix.csv", True),
        ("ISIC2018_Task3_GroundTruth.csv", "ISIC2018_Task3_GroundTruth.csv", False),
    ],
)
def test_ham10000_by_each_of_its_tables(real_data: Path, path: str, used: str, splits: bool):
    data = open_data(str(real_data / "ham10000" / path))
    middle = ", 3 splits" if splits else ""
    bare = sum(entry.mask is None for entry in data.entries)
    assert data.found == (
        f"4,159 images, 7 classes{middle}; {bare} have no mask; labels from {used}"
    )
    assert data.class_names == CLASSES
    assert not data.problems
    reference = open_data(str(real_data / "ham10000" / "labels.csv"))
    assert [(e.id, e.label, e.source, e.mask) for e in data.entries] == [
        (e.id, e.label, e.source, e.mask) for e in reference.entries
    ]
    if splits:
        assert [e.split for e in data.entries] == [e.split for e in reference.entries]


def test_ham10000_cases_have_masks_of_their_size(real_data: Path):
    data = open_data(str(real_data / "ham10000"), "test")
    for entry in data.entries[:20]:
        case = data.case(entry)
        assert min(case.image.shape[1:]) == 256
        if entry.mask:
            assert case.lesion_mask is not None
            assert case.lesion_mask.shape == case.image.shape[1:]
            assert case.lesion_mask.any()


def test_originals_beside_their_table(real_data: Path):
    data = open_data(str(real_data / "ham10000_originals"))
    assert data.found == "70 images, 7 classes; labels from labels.csv"
    assert Counter(e.label for e in data.entries) == dict.fromkeys(CLASSES, 10)
    assert data[0].image.shape == (3, 450, 600)
    assert len(thumbnail(data, data.entries[0])) < 10_000


def test_brain_mri_folders_with_splits(real_data: Path):
    data = open_data(str(real_data / "brain_mri"))
    assert data.found == "800 images, 4 classes, 3 splits"
    assert data.class_names == ("glioma", "meningioma", "no_tumor", "pituitary")
    assert sum(len(data.split(s)) for s in ("train", "val", "test")) == 800
    pixels = data.pixels(data.entries[0])
    assert np.ptp(pixels.astype(int), axis=2).max() <= 8, "grey throughout"
