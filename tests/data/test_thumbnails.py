"""Thumbnails: small, square, centred, upright, and kept."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radar_core.data import open_data, thumbnails
from radar_core.data.thumbnails import thumbnail
from radar_core.errors import BadImage


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A wide image, red left, green in the middle square, blue right; the same turned by Exif."""
    pixels = np.zeros((100, 300, 3), np.uint8)
    for k in range(3):
        pixels[:, 100 * k : 100 * (k + 1), k] = 200
    for label in "ab":
        (tmp_path / label).mkdir()
    wide = Image.fromarray(pixels).resize((1200, 400))
    wide.save(tmp_path / "a" / "wide.jpg", quality=95)
    exif = Image.Exif()
    exif[0x0112] = 6
    wide.save(tmp_path / "b" / "turned.jpg", quality=95, exif=exif)
    return tmp_path


def test_is_the_centre_square(folder: Path):
    data = open_data(str(folder))
    for entry in data.entries:
        found = Image.open(io.BytesIO(thumbnail(data, entry, 64)))
        assert found.format == "WEBP"
        assert found.size == (64, 64)
        red, green, blue = np.asarray(found.convert("RGB"))[8:-8, 8:-8].mean((0, 1))
        assert green > 170
        assert red < 30 and blue < 30


def test_is_made_once_and_few_are_kept(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(thumbnails, "KEEP", 1)
    data = open_data(str(folder))
    first, second = data.entries
    made = thumbnail(data, first, 48)
    assert thumbnail(data, first, 48) is made
    thumbnail(data, second, 48)
    assert thumbnail(data, first, 48) is not made


def test_an_unreadable_image_is_said(tmp_path: Path):
    for label in "ab":
        (tmp_path / label).mkdir()
        (tmp_path / label / "1.png").write_bytes(b"x")
    data = open_data(str(tmp_path))
    with pytest.raises(BadImage):
        thumbnail(data, data.entries[0])
