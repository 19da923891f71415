"""SHAP's background: fixed, balanced, clean, from the training split where there is one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch
from PIL import Image

from radar_core.data import open_data
from radar_core.data.background import background_images
from radar_core.errors import BadData
from tests import toys


def folder(root: Path, per_class: int, splits: tuple[str, ...]) -> Path:
    """Images whose red value names their class and whose green value names their split."""
    for s, split in enumerate(splits):
        for c, label in enumerate("abc"):
            for k in range(per_class):
                place = root / split / label
                place.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (50, 40), (100 * c, 100 * s, k)).save(place / f"{k}.png")
    return root


def kinds(images: torch.Tensor, channel: int) -> Counter[int]:
    return Counter(round(float(v) * 255) for v in images[:, channel].mean((1, 2)))


def test_is_balanced_and_from_the_training_split(tmp_path: Path):
    data = open_data(str(folder(tmp_path, 10, ("test", "train"))))
    found = background_images(data, toys.conv(), 12)
    assert found.shape == (12, 3, toys.SIDE, toys.SIDE)
    assert float(found.min()) >= 0 and float(found.max()) <= 1
    assert kinds(found, 0) == {0: 4, 100: 4, 200: 4}
    assert kinds(found, 1) == {100: 12}, "all from train"
    assert torch.equal(found, background_images(data.split("test"), toys.conv(), 12))


def test_is_the_same_every_time_and_takes_all_where_there_are_few(tmp_path: Path):
    data = open_data(str(folder(tmp_path, 2, ("",))))
    found = background_images(data, toys.conv())
    assert len(found) == 6
    assert torch.equal(found, background_images(data, toys.conv()))


def test_unreadable_images_are_passed_over(tmp_path: Path):
    root = folder(tmp_path, 3, ("",))
    for label in "ab":
        (root / label / "1.png").write_bytes(b"damaged")
    data = open_data(str(root))
    assert len(background_images(data, toys.conv())) == 7
    for path in root.rglob("*.png"):
        path.write_bytes(b"damaged")
    with pytest.raises(BadData, match="no readable image"):
        background_images(data, toys.conv())
