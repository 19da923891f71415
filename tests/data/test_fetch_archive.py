"""Archives that mean harm are refused before anything of them is written."""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import pytest

from radar_core.data.fetching.archive import Damaged, copy, in_words, members, opened
from tests.data.served import zipped


def refusal(content: bytes, folder: Path, most_bytes: int = 10**6, most_files: int = 10) -> str:
    """The sentence with which an archive is refused."""
    path = folder / "set.zip"
    path.write_bytes(content)
    with pytest.raises(Damaged) as caught, opened(path) as archive:
        members(archive, most_bytes, most_files)
    assert caught.value.file == "set.zip"
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["../outside.jpg", "a/../../outside.jpg", "/etc/outside", "C:/outside", "..\\outside", "\\x"],
)
def test_paths_that_lead_outside(name: str, tmp_path: Path):
    assert "leads outside" in refusal(zipped({"good.jpg": b"x", name: b"x"}), tmp_path)


def test_links(tmp_path: Path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    assert "is a link" in refusal(buffer.getvalue(), tmp_path)


def test_bombs(tmp_path: Path):
    bomb = zipped({"zeros": bytes(20_000_000)})
    assert len(bomb) < 50_000
    assert "would unpack to 20 MB, and at most 1.0 MB" in refusal(bomb, tmp_path)


def test_too_many_files(tmp_path: Path):
    many = zipped({f"{k}.txt": b"" for k in range(11)})
    assert "holds 11 files" in refusal(many, tmp_path)


def test_a_bomb_that_lies_about_its_size_is_cut(tmp_path: Path):
    content = bytearray(zipped({"zeros": bytes(1_000_000)}))
    at = content.index(b"PK\x01\x02")
    content[at + 24 : at + 28] = (100).to_bytes(4, "little")  # its size in the directory
    path = tmp_path / "set.zip"
    path.write_bytes(bytes(content))
    with pytest.raises(Damaged), opened(path) as archive:
        copy(archive, members(archive, 10**6)[0], tmp_path / "out", lambda: None)
    assert (tmp_path / "out").stat().st_size <= 100


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>login</html>", zipped({"a": b"x" * 99})[:-30]],
    ids=["nothing", "a login page", "cut short"],  # a zip holds the time: no name of a test
)
def test_what_is_no_archive(content: bytes, tmp_path: Path):
    assert "is no ZIP archive or is damaged" in refusal(content, tmp_path)


def test_a_wrong_crc_is_seen(tmp_path: Path):
    content = zipped({"a.jpg": b"picture" * 100}, stored=True).replace(b"picture", b"Picture", 1)
    path = tmp_path / "set.zip"
    path.write_bytes(content)
    with pytest.raises(Damaged, match="CRC"), opened(path) as archive:
        copy(archive, members(archive, 10**6)[0], tmp_path / "a.jpg", lambda: None)


def test_a_locked_file(tmp_path: Path):
    content = bytearray(zipped({"a": b"x"}))
    at = content.index(b"PK\x01\x02")
    content[at + 8] |= 1
    assert "password" in refusal(bytes(content), tmp_path)


def test_sizes_in_words():
    found = [in_words(size) for size in (0, 999, 1500, 25_000, 2_600_000, 12_600_000_000)]
    assert found == ["0 bytes", "999 bytes", "1.5 kB", "25 kB", "2.6 MB", "12.6 GB"]
