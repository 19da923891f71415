"""Archives as untrusted bytes: every member is judged before the first one is written."""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from radar_core.data.images import shown
from radar_core.errors import BadData, RadarError

MOST_FILES = 200_000
BLOCK = 2**20

# What zipfile raises over damaged archives: a wrong CRC, a broken stream, an unknown compression.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, KeyError)


class Damaged(BadData):
    """A file that was brought and cannot be used; `file` is its name."""

    def __init__(self, file: str, why: str) -> None:
        super().__init__(why)
        self.file = file


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """A ZIP archive; whatever turns out to be damaged within the block is told as such.

    Raises:
        Damaged: no ZIP archive, or a damaged one.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except RadarError:
        raise
    except _DAMAGE as error:
        why = re.sub(r"\s+", " ", str(error))[:200] or type(error).__name__
        raise Damaged(
            path.name, f"{path.name} is no ZIP archive or is damaged ({shown(why)})"
        ) from None


def members(
    archive: zipfile.ZipFile, most_bytes: int, most_files: int = MOST_FILES
) -> list[zipfile.ZipInfo]:
    """The files of an archive, none of which leads outside or swells beyond what is expected.

    Raises:
        Damaged: a path that leaves the folder, a link, a locked file, too many or too large files.
    """
    name = Path(str(archive.filename)).name
    found = [info for info in archive.infolist() if not info.is_dir()]
    if len(found) > most_files:
        raise Damaged(name, f"{name} holds {len(found):,} files, and {most_files:,} are accepted")
    total = sum(info.file_size for info in found)
    if total > most_bytes:
        raise Damaged(
            name,
            f"{name} would unpack to {in_words(total)}, and at most {in_words(most_bytes)} is "
            "expected of it",
        )
    for info in found:
        if why := _unsafe(info):
            raise Damaged(name, f"{name} holds {shown(info.filename)}, which {why}")
    return found


def copy(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, step: Callable[[], None]
) -> None:
    """Write one member to a file of its own, a block at a time; its CRC is checked on the way."""
    with archive.open(info) as source, target.open("wb") as file:
        while block := source.read(BLOCK):
            step()
            file.write(block)


def in_words(size: float) -> str:
    """A number of bytes for people, in powers of ten, as download pages give them."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if size >= 10 or unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def _unsafe(info: zipfile.ZipInfo) -> str | None:
    path = info.filename.replace("\\", "/")
    if path.startswith("/") or re.match(r"^[A-Za-z]:", path) or ".." in path.split("/"):
        return "leads outside its folder"
    kind = info.external_attr >> 16
    if kind and not stat.S_ISREG(kind) and stat.S_IFMT(kind):
        return "is a link or a device"
    return "is locked by a password" if info.flag_bits & 1 else None
